"""Renders chat templates with jinja2: each template with each list of fields.

    python3 packages/testing/scripts/render-templates.py < orders.json > renderings.json

The input has `templates`, a list of sources, and `fields`, a list of texts of JSON. The output has `day` and `renderings`: a list for
each template, with one text for each list of fields, or null where jinja2 refuses.
"""

import json
import sys

from template_environment import DAY, create_environment


def render(environment, source: str, fields: list[str]) -> list[str | None]:
    # A fault of the template is any exception: jinja2 lets those of Python through.
    try:
        template = environment.from_string(source)
    except Exception:
        return [None] * len(fields)
    texts = []
    for each in fields:
        # Fields are read anew, since some templates change lists that they are given.
        try:
            texts.append(template.render(**json.loads(each)))
        except Exception:
            texts.append(None)
    return texts


def main() -> None:
    orders = json.load(sys.stdin)
    environment = create_environment()
    renderings = [render(environment, source, orders["fields"]) for source in orders["templates"]]
    json.dump({"day": DAY.toordinal() - 719163, "renderings": renderings}, sys.stdout)


main()
