"""The local model's process: llama.cpp's own HTTP server with one model, on 127.0.0.1.

``python -m freetheai.embedded.llama_server --model FILE --port N [--alias NAME] [--threads N] [--parallel N]
[--context TOKENS]``. It speaks ``/v1/chat/completions``, ``/v1/messages`` and ``/v1/responses``, answers ``/health``,
and ends with SIGTERM or when its parent ends. A process of its own: computing never holds up the gateway's loop.
"""

import argparse
import os
import sys
import time

ALIAS = "smollm2-135m"


def main() -> None:
    """Serve until ended; exits with 1 and one line if the model cannot be loaded or the port is taken."""
    options = _options()
    parent_pid = os.getppid()
    # The gateway and its database come first where processors are few.
    os.nice(5)
    server = _serve(options)
    sys.stderr.write(f"serving {options.model} on {server.listening_address}\n")  # type: ignore[attr-defined]
    # Where the system can tie us to our parent's life it does; this is for where it cannot.
    while os.getppid() == parent_pid:
        time.sleep(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve one model with llama.cpp on 127.0.0.1.")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--alias", default=ALIAS, help="the model's name in requests")
    parser.add_argument("--threads", type=int, default=_usual_threads(), help="default: half the processors, at most 4")
    parser.add_argument("--parallel", type=int, default=4, help="answers made at the same time")
    parser.add_argument("--context", type=int, default=8192, help="tokens, shared by the answers made at the same time")
    return parser.parse_args()


def _usual_threads() -> int:
    # Computing threads wait for the slowest of them, so all must find a processor that is free.
    return max(1, min(4, (os.cpu_count() or 1) // 2))


def _serve(options: argparse.Namespace) -> object:
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.n_ctx = options.context
    params.n_parallel = options.parallel
    params.kv_unified = True  # one answer alone may use the whole context
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    # Threads that wait by spinning take the processor from those they wait for, where others want it too.
    params.cpuparams.poll = 0
    params.cpuparams_batch.poll = 0
    params.n_gpu_layers = 0
    params.use_jinja = True  # chat templates with tools
    params.cache_ram_mib = 128  # of past prompts; the default is 8 GiB
    params.ui = False
    params.cors_origins = "http://127.0.0.1"  # no web page is to use it past the gateway
    params.endpoint_slots = False  # would show what members write
    params.verbosity = 2  # warnings
    try:
        return Server(params)
    except RuntimeError as error:
        sys.exit(f"llama.cpp does not start: {error}")


if __name__ == "__main__":
    main()
