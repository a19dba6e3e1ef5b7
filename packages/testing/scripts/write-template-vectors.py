"""Writes packages/protocol/vectors/chat-template.json with jinja2 (3.1), set up as published chat templates expect it.

    python3 packages/testing/scripts/write-template-vectors.py
    python3 packages/testing/scripts/write-template-vectors.py --check

With --check it writes nothing, and fails if a vector differs from what the installed jinja2 writes.
"""

import json
import sys
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment
from template_environment import DAY, create_environment
from vector_format import format_vectors

PATH = Path(__file__).parents[2] / "protocol" / "vectors" / "chat-template.json"

TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"type": "string"}},
                "keys": {"type": ["string", "null"], "enum": ["a", "b"]},
                "get": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 12345678901234567890},
                "values": {"description": "no type", "minimum": 2.0, "maximum": 1e-07},
                "10": {"const": 1},
                "2": {"const": None},
            },
            "required": ["items"],
        },
    },
}
FIELDS = {
    "messages": [
        {"role": "system", "content": "Be \"brief\" & it's <b>"},
        {"role": "user", "content": " Hi\n\tthere 😀 "},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"n": 9007199254740993, "x": 0.1}}}]},
        {"role": "tool", "content": [{"type": "text", "text": "é ß"}], "n": 3},
    ],
    "tools": [TOOL],
    "none": None,
    "yes": True,
    "numbers": [3, 1.5, -2, True, 100000000000000000000],
    "words": ["b", "A", "c", "a"],
    "dict": {"b": 1, "A": [1, 2], "10": None, "2": "x"},
    "empty": {"list": [], "dict": {}, "text": ""},
    "text": "The quick\tbrown fox's \"day\"\n\nline é 😀 end",
}

TEMPLATES = [
    # Lookups: a method before a key by a dot, a key before a method in brackets.
    "{{ dict.items()|list }} {{ dict.keys()|list }} {{ dict.values()|list }} {{ dict.get('b') }} {{ dict.get('q', 7) }} {{ dict.get('q') }}",
    "{% for name, p in tools[0].function.parameters.properties.items() %}{{ name }}:{{ p.type is defined }}:{{ p.type is string }};{% endfor %}",
    "{{ tools[0].function.parameters.properties.items is mapping }} {{ tools[0].function.parameters.properties['items'].type }}",
    "{{ tools[0].function.parameters.properties['get'].default }} {{ tools[0].function.parameters.properties.get('get').default }}",
    "{% set p = tools[0].function.parameters.properties %}{{ p['keys'].type|join('|') }} {{ p['values'].type|default('any') }} {{ p.values()|length }} {{ p.keys()|length }}",
    "{{ messages[0]['role'] }} {{ messages[-1].n }} {{ messages[9] is defined }} {{ messages['role'] is defined }} {{ text[0] }} {{ text[-3:] }}",
    "{{ dict['items'] is defined }} {{ dict.missing is defined }} {{ (dict.missing)|default('d') }} {{ none.x is defined }}",
    "{{ messages.0.role }} {{ text.upper()[0:3] }} {{ 'abc'[::-1] }} {{ [1,2,3,4][1:3] }} {{ (1,2,3)[::2] }} {{ range(9)[2:5] }}",
    "{{ dict.update({'z': 1}) }}",
    "{{ words.append('z') }}",
    "{{ missing.attribute }}",
    "{{ none.attribute }}",
    "{{ none.attribute.deeper }}",
    "{{ missing() }}",
    "{{ text.__class__ }}",
    # Types and what they print.
    "{{ none }} {{ yes }} {{ not yes }} {{ numbers }} {{ dict }} {{ empty }} {{ words }}",
    "{{ 1e-07 }} {{ 2.0 }} {{ 1e16 }} {{ 123456789012345.6 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }} {{ 1_000 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }}",
    "{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 12345678901234567890123 }} {{ 2 ** 70 }} {{ 2 ** -1 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}",
    "{{ 1 + true }} {{ 1 == true }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ [1] == [true] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == false }} {{ (1,) == [1] }}",
    "{{ 'it\\'s' }} {{ [\"it's\", 'a\"b', 'both\\'\"', 'tab\\t', '\\u00e9', '\\x07', 'é', '\\u200b'] }} {{ {'k': ('a',)} }} {{ () }} {{ (1, 2) }}",
    "{{ 'a' 'b' }} {{ 'a' ~ 1 ~ none ~ 1.0 ~ [1] ~ missing }} {{ 'ab' * 3 }} {{ [1] * 2 + [3] }} {{ (1,) + (2,) }}",
    "{{ 'a' + 1 }}",
    "{{ 1 + 'a' }}",
    "{{ missing + 'a' }}",
    "{{ 'a' < 1 }}",
    "{{ 'a' in 5 }}",
    "{{ 1 in 'a1' }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 3 > 2 >= 2 != 4 }} {{ 'B' in words }} {{ 'b' in words }} {{ 'b' in dict }} {{ 'qu' in text }} {{ 2 not in [1] }} {{ 1 in missing }}",
    "{{ not missing }} {{ missing == missing2 }} {{ missing is undefined }} {{ missing|length }} {{ missing|list }} {% for x in missing %}x{% else %}none{% endfor %}|{{ missing }}|",
    "{{ yes and 'a' or 'b' }} {{ '' or 0 or none }} {{ 'x' and [] }} {{ not not 1 }} {{ 'y' if yes }} {{ 'n' if not yes }}| {{ 'a' if no else 'b' if yes else 'c' }}",
    "{{ -2 ** 2 }} {{ (-2) ** 2 }} {{ 2 ** 3 ** 2 }} {{ (-3)|abs }} {{ 2 * 3 ~ 4 }}",
    "{{ -3|abs }}",
    "{{ 1 + 2 * 3 ~ 4 }}",
    "{{ 1 - 1 ~ 'a' }}",
    "{{ true is true }} {{ True }} {{ None }} {{ none is none }} {{ false is boolean }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is number }} {{ 'a' is sequence }} {{ dict is sequence }} {{ dict is mapping }} {{ dict.items() is iterable }} {{ 3 is iterable }} {{ 'a' is string }} {{ missing is sequence }} {{ missing is iterable }} {{ range is callable }} {{ dict.get is callable }} {{ missing is callable }} {{ 2 is callable }}",
    "{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(4) }} {{ 1 is eq 1 }} {{ 1 is ne 1 }} {{ 2 is gt 1 }} {{ 1 is in [1] }} {{ 'a' is in 'abc' }} {{ 'A' is upper }} {{ 'a' is lower }} {{ '1' is lower }} {{ none is sameas none }} {{ 'trim' is filter }} {{ 'nope' is filter }}",
    "{{ 3 is not none and yes }} {{ missing is not defined or yes }} {{ 5 is not divisibleby 2 }}",
    # Texts.
    "{{ text.split() }} {{ text.split('\\n') }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,,c'.split(',', 1) }} {{ ' a  b '.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}",
    "{{ ',a'.rsplit(',', 1) }} {{ 'a,,b'.rsplit(',', 1) }} {{ 'a,b,'.rsplit(',', 5) }} {{ ''.rsplit(',', 1) }} {{ 'a b'.rsplit(none, 5) }} {{ ' \t'.rsplit(none, 1) }} {{ 'a::b::c'.rsplit('::', 1) }} {{ 'a,b'.rsplit(',', 0) }}",
    "{{ {1: 'a', 2.0: 'b', true: 'c'} }} {{ {1.0: 'a'}[1] }} {{ {true: 'a'}[1] }} {{ {0: 'z'}[false] }} {{ {'1': 'a'}[1] is defined }} {{ {1: 2}.get(1.0) }}",
    "{{ '  x '.strip() }}| {{ 'xxaxx'.strip('x') }} {{ 'abcab'.lstrip('ab') }} {{ 'abcab'.rstrip('ab') }} {{ '\\n\\ta '|trim }}| {{ '--a-'|trim('-') }}",
    "{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'ab'.replace('', '.') }} {{ 'aXbX'|replace('X', '-', 1) }} {{ 'aa'|replace('a', 'b') }} {{ 5|replace(5, 6) }}",
    "{{ 'hello wORLD it\\'s'.title() }} {{ 'hello wORLD it\\'s'|title }} {{ 'hELLO w'.capitalize() }} {{ 'hELLO w'|capitalize }} {{ 'Straße'.upper() }} {{ 'aB'.swapcase() }} {{ 'AB'|lower }}",
    "{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.startswith('b', 1) }} {{ 'abcabc'.find('c') }} {{ 'abcabc'.rfind('c') }} {{ 'abc'.find('x') }} {{ 'banana'.count('an') }} {{ 'abc'.index('b') }}",
    "{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }}",
    "{{ 'ab'.center(5) }}| {{ 'ab'.center(5, '*') }} {{ 'abc'.center(6, '*') }} {{ 'a'.ljust(3, '.') }} {{ 'a'.rjust(3, '.') }} {{ 'a'|center(5) }}|",
    "{{ 'a1'.isalnum() }} {{ 'ab'.isalpha() }} {{ '12'.isdigit() }} {{ ''.isdigit() }} {{ ' \\n'.isspace() }} {{ 'Ab'.istitle() }} {{ 'AB'.isupper() }} {{ 'ab1'.islower() }} {{ '1'.isnumeric() }}",
    "{{ 'a\\nb\\r\\nc'.splitlines() }} {{ 'a\\nb\\n'.splitlines(true) }} {{ '-'.join(['a', 'b']) }}",
    "{{ '{} {0}'.format('a') }}",
    "{{ '{} {}'.format('a', 1) }} {{ '{1}{0}'.format('a', 'b') }} {{ '{x:>5}|{y:.2f}|{z!r}'.format(x='a', y=2, z='q') }} {{ '{:05d} {:,} {:x}'.format(42, 1234567, 255) }}",
    "{{ '%s is %d and %.2f %5s|%-5s|%05d %%' % ('a', 3, 2.5, 'x', 'y', 42) }} {{ '%s' % 'one' }} {{ '%(a)s' % {'a': 1} }} {{ '%s-%s'|format('a', 'b') }} {{ '%r' % 'q' }}",
    "{{ '😀é'|length }} {{ '😀é'[1] }} {{ '😀é'[::-1] }} {{ '😀é'|list }} {{ '😀é'|first }} {{ '😀é'|last }} {% for c in 'a😀' %}[{{ c }}]{% endfor %}",
    "{{ 'a\\\\n\\x41\\u0042\\101\\q' }} {{ \"a'b\" }}",
    # Filters.
    "{{ dict|tojson }} {{ tools|tojson }} {{ text|tojson }} {{ numbers|tojson }} {{ (1, 2)|tojson }} {{ none|tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}",
    "{{ tools[0]|tojson(indent=2) }} {{ empty|tojson(indent=2) }} {{ [1, [2]]|tojson(indent=1) }}",
    "{{ dict|tojson(sort_keys=true) }} {{ [1, {'a': 2}]|tojson(separators=(',', ':')) }} {{ 'é😀'|tojson(ensure_ascii=true) }} {{ 'é😀\\x7f\\x1f<>&\\'/'|tojson }}",
    "{{ missing|tojson }}",
    "{{ dict.items()|tojson }}",
    "{{ numbers|sort }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ words|sort(reverse=true) }} {{ messages|sort(attribute='role')|map(attribute='role')|list }}",
    "{{ dict|dictsort }} {{ {'b': 2, 'a': 3}|dictsort(by='value') }} {{ {'b': 2, 'a': 3}|dictsort(reverse=true) }} {{ dict|items|list }} {{ missing|items|list }}",
    "{{ none|items|list }}",
    "{{ messages|selectattr('role', 'equalto', 'user')|list|length }} {{ messages|rejectattr('role', 'in', ['user', 'tool'])|map(attribute='role')|join(',') }} {{ messages|selectattr('n')|list|length }} {{ messages|selectattr('n', 'defined')|map(attribute='n')|first }}",
    "{{ words|map('upper')|list }} {{ words|map('replace', 'a', 'x')|join }} {{ messages|map(attribute='n', default='-')|list }} {{ [[1, 2], [3]]|map('length')|list }} {{ [1, 2, 3, 4]|select('odd')|list }} {{ [0, 1, '']|select|list }} {{ [1, 2]|reject('eq', 1)|list }}",
    "{{ none|select('odd')|list }} {{ none|map('upper')|list }} {{ 0|reject|list }} {{ false|selectattr('a')|list }} {{ none|rejectattr('a', 'eq', 1)|list }} {{ []|map()|list }} {{ ''|select('nope')|list }} {{ none|map(attribute='a')|list }}",
    "{{ 1|select|list }}",
    "{{ true|map('upper')|list }}",
    "{{ 'a<'|safe + '<b>' }} {{ '<b>' + 'a<'|safe }} {{ '<'|e + '<' }} {{ 'a' + 'b' + '<'|safe + '<' + \"'\" }} {{ 'x<'|safe + 'y<'|safe }} {{ '<'|safe ~ '<' }} {{ ('<'|safe + '<')|length }} {{ '<'|safe + ({'a': '<\"'}|tojson) }}",
    "{{ 'a'|safe + 1 }}",
    "{{ 'yes' if words|select('eq', 'zzz') else 'no' }} {% set g = words|map('upper') %}{{ g|list|length }}{{ g|list|length }}",
    "{{ words|map('upper')|length }}",
    "{{ words|select('eq', 'b')[0] }}",
    "{{ [1, 2, 3]|sum }} {{ [{'a': 1}, {'a': 2}]|sum(attribute='a') }} {{ [1, 3, 2]|max }} {{ [1, 3, 2]|min }} {{ words|max }} {{ []|max is defined }} {{ [3, 1, 3]|unique|list }} {{ ['a', 'A']|unique|list }} {{ [1.5, 2]|sum }}",
    "{{ words|first }} {{ words|last }} {{ []|first is defined }} {{ []|last }}| {{ words|reverse|list }} {{ 'abc'|reverse }} {{ words|join(', ') }} {{ [1, none, 'a']|join('-') }} {{ messages|join(',', attribute='role') }} {{ dict|list }} {{ dict|length }} {{ 'abc'|list }}",
    "{{ '12'|int }} {{ '1.9'|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ '0x1f'|int(base=16) }} {{ 3.9|int }} {{ none|int }} {{ '1.5'|float }} {{ 'x'|float }} {{ '1e3'|float }} {{ 5|float }} {{ 'inf'|float }} {{ [1]|int(9) }} {{ ' 7 '|int }}",
    "{{ 2.5|round }} {{ 3.5|round }} {{ 2.567|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ 2.9|round(method='floor') }} {{ 5|round }} {{ 1.005|round(2) }} {{ 42.55|round(1, 'common') }}",
    "{{ 0.125|round(2) }} {{ 0.375|round(2) }} {{ -0.125|round(2) }} {{ 2.675|round(2) }} {{ -0.5|round }} {{ 25.0|round(-1) }} {{ 1e22|round(2) }} {{ 1.5|round(200) }}",
    "{{ '%5.1f'|format(0.25) }} {{ '%.0f'|format(2.5) }} {{ '%.2f'|format(-0.125) }} {{ '%.1f'|format(0.35) }} {{ '{:.1f} {:.0f} {:.1%}'.format(0.25, 3.5, 0.00125) }}",
    "{{ '0x11'|int(7, 2) }} {{ '0b11'|int(7, 16) }} {{ '-0X1f'|int(7, 16) }} {{ '0o17'|int(7, 8) }} {{ '0b11'|int(7, 2) }} {{ '0x'|int(7, 16) }} {{ '0b'|int(7, 16) }} {{ 'zz'|int(7, 36) }}",
    "{{ 'a\\nb\\n\\nc'|indent }}| {{ 'a\\nb'|indent(2, true) }}| {{ 'a\\n\\nb'|indent(2, blank=true) }}| {{ 'a\\nb'|indent('> ') }} {{ ''|indent }}| {{ 'a\\n'|indent }}|",
    "{{ missing|default('x') }} {{ ''|default('x') }}| {{ ''|default('x', true) }} {{ none|default('x') }} {{ none|d('x', boolean=true) }} {{ dict.q|default(dict.b) }}",
    "{{ '<a href=\"x\">&\\'</a>'|escape }} {{ '<b>'|safe }} {{ '<b>'|e }} {{ 'a b/c?ü'|urlencode }} {{ {'a b': 'c&d'}|urlencode }} {{ 'one two, three'|wordcount }} {{ 12|string ~ 'x' }} {{ [1]|string }}",
    "{{ 'a long sentence here'|truncate(10) }} {{ 'a long sentence here'|truncate(10, true) }} {{ 'short'|truncate(10) }} {{ 'abcdefghijklmnop'|truncate(9, true, '~', 0) }}",
    "{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, 0)|list }} {{ [1, 2, 3, 4, 5]|slice(2)|list }} {{ [1, 2, 3, 4, 5]|slice(3, 'x')|list }}",
    "{% for role, all in messages|groupby('role') %}{{ role }}={{ all|length }};{% endfor %} {{ words|groupby('0')|length }} {{ dict|attr('items') is callable }} {{ dict|attr('b') is defined }}",
    "{{ text|nope }}",
    # Statements.
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem.role if loop.previtem is defined }}{{ loop.nextitem.role if loop.nextitem is defined }}{{ loop.cycle('a', 'b') }};{% endfor %}",
    "{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {{ loop.depth }}{% endfor %} {% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}{% for x in [] %}{% else %}empty{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a + b + c }}{% endfor %}{% for k in dict %}{{ k }}{% endfor %}{% for k, v in dict|dictsort %}{{ k }}{{ v }}{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{% endfor %}",
    "{% for x in 5 %}{% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}{% if yes %}{% set x = 9 %}{% endif %}{{ x }}",
    "{% set ns = namespace(n=0, found=false) %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }} {{ ns.found }} {{ ns.missing is defined }} {{ ns['n'] }}",
    "{% set dict.x = 1 %}",
    "{% set a, b = 1, 'two' %}{{ a }}{{ b }}{% set t = 1, %}{{ t }}{% set c %}block {{ a }}{% endset %}{{ c }}{% set d | upper %}up{% endset %}{{ d }}",
    "{% macro f(a, b='d', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 2, c=3) }}{{ f(b=2, a=1) }}{{ f() }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}{{ f(*[1, 2], **{'y': 5}) }}{{ f.name }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}",
    "{% macro f(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) f('q') %}{{ y }}!{% endcall %}{% macro g() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ g() }}",
    "{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(3) }}{% set f = r %}{{ f(1)|length }}",
    "{% for t in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ t.n }}{{ loop.depth }}({{ loop(t.c) }}){% endfor %}",
    "{% filter upper|replace('A', 'x') %}abc{{ words|first }}{% endfilter %}{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}{% generation %}said{% endgeneration %}",
    "{% if missing %}a{% elif none %}b{% elif [] %}c{% elif 0.0 %}d{% else %}e{% endif %}{% if words, %}tuple{% endif %}{% print 1, 'b' %}{% raw %}{{ x }}{% endraw %}",
    "{{ raise_exception('no ' ~ 'way') }}",
    "{{ cycler('a', 'b').next() }}{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner('-') %}{{ j() }}{{ j() }}{{ dict(a=1, b=2) }}{% for i in range(3) %}{{ i }}{% endfor %}{{ range(3) }}{{ range(5, 0, -2)|list }}",
    "{{ namespace(a=1) }} {{ dict.items() }} {{ dict.keys() }} {{ loop is defined }}",
    # White space.
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc\n",
    "a\n  {%- if yes -%}\n  b\n  {%- endif %}  \nc\n\n",
    "a  {{- ' b ' -}}  c {{ 'd' }}\n {# note #}\n e {#- note -#} f\n",
    "  {%+ if yes %}x{%+ endif %}\n y{% if yes +%}\n z{% endif %}",
    "{%- for w in words -%} {{ w }} {%- endfor -%}\r\nend\rmore",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ '}}' }}{% set x = '%}' %}{{ x }}{{ 1 }}}",
    # The clock.
    "{{ strftime_now('%Y-%m-%d %-d %-m %e %j %F %B %b %A %a %y %H:%M:%S %I %p %%') }}",
    "{{ strftime_now('%d %b %Y').upper() }}|{{ strftime_now('%-I') }}|{{ strftime_now('%-j %U %w %u %D %T %R %c') }}",
    # A template's usual work.
    "{%- set ns = namespace(system='') -%}{%- if messages[0].role == 'system' -%}{%- set ns.system = messages[0].content -%}{%- set messages = messages[1:] -%}{%- endif -%}{%- for m in messages -%}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) and m.role not in ['tool', 'assistant'] -%}{{- raise_exception('alternate') -}}{%- endif -%}{%- if m.content is string -%}{{- '<|' + m.role + '|>' + m.content | trim -}}{%- elif m.content is none -%}{%- for c in m.tool_calls -%}{{- c.function.name ~ '(' ~ c.function.arguments | tojson ~ ')' -}}{%- for k, v in c.function.arguments | items -%}{{- k ~ '=' ~ v ~ ';' -}}{%- endfor -%}{%- endfor -%}{%- else -%}{%- for part in m.content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}{%- endif -%}{%- endfor -%}{{- ns.system -}}",
    "{%- macro render(p) -%}{%- if p.type is defined and p.type is iterable and p.type is not string -%}{{- p.type | join(' | ') -}}{%- elif p.anyOf is defined -%}{%- for o in p.anyOf -%}{{- o.type -}}{%- if not loop.last -%}{{- ' | ' -}}{%- endif -%}{%- endfor -%}{%- elif p.type -%}{{- p.type -}}{%- else -%}any{%- endif -%}{%- endmacro -%}{%- for name, p in tools[0].function.parameters.properties | dictsort -%}{{- name ~ ': ' ~ render(p) ~ '\\n' -}}{%- endfor -%}",
    # Sources that do not parse.
    "{% if yes %}",
    "{{ 1 + }}",
    "{% nope %}",
    "{{ 'a }}",
    "{{ (1 }}",
]


def render(environment: ImmutableSandboxedEnvironment, template: str) -> dict:
    # A fault of the template is any exception: jinja2 lets those of Python through.
    try:
        return {"template": template, "output": environment.from_string(template).render(**FIELDS)}
    except Exception:
        return {"template": template, "refused": True}


def main() -> None:
    environment = create_environment()
    cases = [render(environment, template) for template in TEMPLATES]
    vectors = {"day": DAY.toordinal() - 719163, "fields": json.dumps(FIELDS, ensure_ascii=False), "cases": cases}
    text = format_vectors(vectors)
    if "--check" not in sys.argv:
        PATH.write_text(text, encoding="utf-8")
    elif PATH.read_text(encoding="utf-8") != text:
        sys.exit("the vectors differ from what jinja2 writes")


main()
