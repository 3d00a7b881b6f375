"""aiohttp's FileResponse on uvloop: `file_response.py PORT FOLDER`."""

import sys
from pathlib import Path

import uvloop
from aiohttp import web


def main(port: int, folder: Path) -> None:
    """Serve the files of a folder until the process is ended."""

    async def send(request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / request.match_info["name"])

    app = web.Application()
    app.router.add_get("/{name}", send)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
