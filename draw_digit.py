#!/usr/bin/env python3
"""Draw digits on a page in your browser and see them read.

    python draw_digit.py                     opens the page
    python draw_digit.py --port 0            at any free port
    python draw_digit.py --no-browser        only says where the page is

The same server reads images for other programs:

    curl --data-binary @photo.jpg http://127.0.0.1:8000/read

and describes itself at /docs.  It listens on this machine only, and Ctrl-C ends it.
Needs: pip install -r requirements/web.txt
"""

import argparse
import os
import socket
import sys
import webbrowser
from typing import NoReturn

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before imports that take long, so that Ctrl-C ends them quietly

from common import UserError
from common.cli.arguments import ArgumentParser, add_finder_argument, add_model_argument
from common.files import shown
from common.recognizer import DigitRecognizer


def main() -> NoReturn:
    """Starts the server, opens the page, serves until Ctrl-C and ends the process."""
    arguments = parse_arguments()
    try:
        from common.web.app import make_app
        from common.web.my_digits import MY_DIGITS
        from common.web.server import server_of
    except ModuleNotFoundError as error:
        raise UserError(
            f"The page needs {error.name}: pip install -r requirements/web.txt"
        ) from error
    recognizer = DigitRecognizer(arguments.model, finder=arguments.finder)
    with listening(arguments.host, arguments.port) as listener:
        url = f"http://{url_host(arguments.host)}:{listener.getsockname()[1]}/"
        model = shown(recognizer.predictor.path)
        print(f"Draw digits at {url} (model {model}); Ctrl-C ends it.", flush=True)
        if not arguments.no_browser and has_screen():
            webbrowser.open(url)
        app = make_app(recognizer, MY_DIGITS, arguments.host)
        try:
            server_of(app).run(sockets=[listener])
        except KeyboardInterrupt:
            print("\nstopped", file=sys.stderr)
    # Python would wait for the thread that reads an image, whose answer nobody takes any more.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(console.OK)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--port", type=port, default=8000, help="0 takes any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 lets everybody in your network in, and keep digits "
        "on your disk (default: %(default)s, this machine only)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    add_model_argument(parser)
    add_finder_argument(parser)
    return parser.parse_args()


def port(text: str) -> int:
    """Argument type: an int from 0 to 65535."""
    if not 0 <= (value := int(text)) <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 65535")
    return value


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; what connects before the server runs waits for it.

    Raises:
        UserError: the port is taken, or there is no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise UserError(
            f"Cannot listen on {host}, port {port}: {reason}. Try another: --port 0"
        ) from error
    # An answer's head would otherwise wait 40 ms for what follows it (Nagle's algorithm).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_host(host: str) -> str:
    """The host as it stands in an address that a browser on this machine can open."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def has_screen() -> bool:
    """Whether a browser has a window to open; without one, Python would start one of text."""
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


if __name__ == "__main__":
    console.run(main)
