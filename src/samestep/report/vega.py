"""The JavaScript that draws charts in a page, to be written into it."""

import contextlib
import importlib.metadata
from pathlib import Path

import platformdirs
import vl_convert

from samestep.errors import BadInput
from samestep.result import save_text


def vega_script() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; bundled once a version, and then kept.

    Bundling takes seconds, and its outcome rests on vl-convert's version alone.
    """
    version = importlib.metadata.version("vl-convert-python")
    kept = Path(platformdirs.user_cache_dir("samestep")) / f"vega-{version}.js"
    try:
        return kept.read_text(encoding="utf-8")
    except OSError:
        script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # A script element ends at this, wherever it stands.
    script = script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    # Without a cache, the next report bundles it again.
    with contextlib.suppress(BadInput):
        save_text(script, kept)
    return script
