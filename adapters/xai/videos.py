"""xAI's videos: a job by `POST /videos/generations`, asked at `/videos/{request_id}`. Our route has the same shape.

Source: https://docs.x.ai/docs/guides/video-generations
"""

from dataclasses import replace

from adapters.openai import videos
from adapters.xai.codes import CODES

ADAPTER = replace(videos.ADAPTER, family="xai", codes=CODES)
