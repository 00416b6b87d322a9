#!/usr/bin/env python3
"""Draw digits in your browser and see what the model reads.

    python draw_digit.py                     start the server and open the web page
    python draw_digit.py --port 0            use any free port
    python draw_digit.py --no-browser        only print the address of the web page

Other programs can send images to the same server:

    curl --data-binary @photo.jpg http://127.0.0.1:8000/read

The HTTP API is documented at http://127.0.0.1:8000/docs. By default, the server accepts connections
from this machine only. Press Ctrl-C to stop it. Install its requirements with:

    pip install -r requirements/web.txt
"""

import argparse
import os
import socket
import sys
import webbrowser
from typing import NoReturn

from common.cli import console

if __name__ == "__main__":
    console.prepare()  # before the slow imports, so that Ctrl-C prints no traceback

from common import UserError
from common.cli.arguments import ArgumentParser, add_finder_argument, add_model_argument
from common.files import shown
from common.recognizer import DigitRecognizer


def main() -> NoReturn:
    """Starts the server, opens the web page, serves until Ctrl-C, and ends the process."""
    arguments = parse_arguments()
    try:
        from common.data.my_digits import MY_DIGITS
        from common.web.app import make_app
        from common.web.server import server_of
    except ModuleNotFoundError as error:
        raise UserError(
            f"The web page needs {error.name}: pip install -r requirements/web.txt"
        ) from error
    recognizer = DigitRecognizer(arguments.model, finder=arguments.finder)
    with listen(arguments.host, arguments.port) as listener:
        url = f"http://{url_host(arguments.host)}:{listener.getsockname()[1]}/"
        model = shown(recognizer.predictor.path)
        print(f"Draw digits at {url} (model {model}). Press Ctrl-C to stop.", flush=True)
        if not arguments.no_browser and has_screen():
            webbrowser.open(url)
        app = make_app(recognizer, MY_DIGITS, arguments.host)
        try:
            server_of(app).run(sockets=[listener])
        except KeyboardInterrupt:
            print("\nstopped", file=sys.stderr)
    # A normal exit would wait until the server has finished an image whose result nobody needs.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(console.OK)


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--port",
        type=port,
        default=8000,
        help="port to listen on; 0 uses any free port (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; with 0.0.0.0, everyone on your network can use the web page "
        "and save digits on your disk (default: %(default)s, this machine only)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the web page")
    add_model_argument(parser)
    add_finder_argument(parser)
    return parser.parse_args()


def port(text: str) -> int:
    """Converts the text of an option to an integer from 0 to 65535."""
    if not 0 <= (value := int(text)) <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 65535")
    return value


def listen(host: str, port: int) -> socket.socket:
    """Opens a listening socket.

    A browser can connect before the server runs; it then waits for the answer.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for any free port.

    Raises:
        UserError: The port is in use, or the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise UserError(
            f"Cannot listen on {host}, port {port}: {reason}. Use --port 0 for any free port."
        ) from error
    # Without this, Nagle's algorithm delays each response by 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_host(host: str) -> str:
    """Returns the host name to use in a URL for a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def has_screen() -> bool:
    """Checks whether there is a graphical display, which is assumed except on Linux.

    Without a display, `webbrowser` would start a text browser.
    """
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


if __name__ == "__main__":
    console.run(main)
