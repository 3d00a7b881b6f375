"""The only room that knows aiohttp.web: parse, call one flow, respond."""
