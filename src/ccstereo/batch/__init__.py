"""Many files: which there are, what becomes of each, and converting them, however often it is stopped."""

from ccstereo.batch.convert import Batch, check_conversion, convert_file, inspect
from ccstereo.batch.inputs import Found, Input, find_inputs
from ccstereo.batch.plan import Job, plan
from ccstereo.batch.report import Record, Report, alone, record_of

__all__ = [
    "Batch",
    "Found",
    "Input",
    "Job",
    "Record",
    "Report",
    "alone",
    "check_conversion",
    "convert_file",
    "find_inputs",
    "inspect",
    "plan",
    "record_of",
]
