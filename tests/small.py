"""Networks of every part of the registered ones that are small enough to be trained in a test."""

import json

SMALL = {
    "resize": (120, 240),
    "frame_size": (112, 224),
    "trunk": "slim",
    "trunk_channels": (8, 16, 24, 32),
    "trunk_strides": (2, 2, 2, 2),
    "visual_channels": 32,
    "aspp_channels": 8,
    "audio_channels": (8, 16, 16, 16, 32),
    "feedforward_channels": 32,
    "audio_blocks": (),
    "decoder_blocks": (),
    "log_magnitude": False,
    "context": 0,
}
SMALL_TRUNK = {name: SMALL[name] for name in ("resize", "frame_size", "trunk", "trunk_channels", "trunk_strides")}
SMALL_UNET = SMALL_TRUNK | {"audio_channels": (8, 16, 16, 16, 32)}
SMALL_OF = {  # by name, what makes each registered model small
    "after-parida2022": SMALL_UNET,
    "apnet": SMALL_UNET,
    "assoconv": SMALL_UNET,
    "ccstereo": {
        name: SMALL[name] for name in SMALL if name not in ("audio_blocks", "decoder_blocks", "log_magnitude")
    },
    "ccstereo-lite": SMALL,
    "mono2binaural": SMALL_UNET,
    "mono2binaural-lite": SMALL_UNET,
    "morgado2018": SMALL_UNET
    | {"tracks": 4, "reduced_channels": 8, "visual_units": 16, "audio_units": 16, "localisation_units": (16,)},
    "sagm": {
        **{"resize": (60, 120), "frame_size": (56, 112), "clip_frames": 3, "video_channels": (4, 8, 16)},
        "audio_channels": (8, 16, 16, 16, 32),
    },
}
TRAIN_SMALL = [  # with --config lite-stage, whose trunk needs a file of weights
    *("--model.imagenet", "false", "--model.frozen_trunk", "false"),
    *("--model.model_config", json.dumps(SMALL)),
    *("--trainer.precision", "32-true", "--trainer.logger", "false"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
]
