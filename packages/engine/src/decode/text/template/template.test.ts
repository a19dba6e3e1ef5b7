import { describe, expect, it } from 'vitest';
import { createTemplate, PROBE_STEPS, RENDER_STEPS } from './template.ts';

const open = (source: string) => createTemplate(source);
const render = (source: string, fields: Readonly<Record<string, unknown>> = {}, maxSteps = RENDER_STEPS): string =>
  open(source).render(fields, maxSteps);

/** Beginnings of templates that make a text or a list of exponential size. */
const grow = (start: string, operator: string, times = 60): string =>
  `{% set ns = namespace(x=${start}) %}{% for i in range(${times}) %}{% set ns.x = ns.x ${operator} ns.x %}{% endfor %}`;

describe('a template with bounded work', () => {
  it.each([
    [
      'nested loops',
      '{% for a in range(999) %}{% for b in range(999) %}{% for c in range(999) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    ['a range', '{{ range(1000000000) | length }}'],
    ['a text that doubles', `${grow('"aaaa"', '~')}{{ ns.x | length }}`],
    ['a list that doubles', `${grow('["a"]', '+')}{{ ns.x | length }}`],
    [
      'a list that contains itself twice, and so on',
      '{% set ns = namespace(x=["a"]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
    ],
    [
      'the JSON of such a list',
      '{% set ns = namespace(x=["a"]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}',
    ],
    ['a replacement', `${grow('"aaaa"', '~', 16)}{{ ns.x | replace("a", ns.x) | length }}`],
    ['a replacement by its method', `${grow('"aaaa"', '~', 16)}{{ ns.x.replace("a", ns.x) | length }}`],
    ['a method under another name', `${grow('"aaaa"', '~', 16)}{% set f = ns.x.replace %}{{ f("a", ns.x) | length }}`],
    ['a method by a computed name', `${grow('"aaaa"', '~', 16)}{{ ns.x["replace"]("a", ns.x) | length }}`],
    ['a filter of a block', `${grow('"aaaa"', '~', 16)}{% filter replace("a", ns.x) %}{{ ns.x }}{% endfilter %}`],
    ['an indentation', '{{ "a\\nb" | indent(1000000000) | length }}'],
    ['an indentation of JSON', '{{ [1, 2] | tojson(indent=1000000000) }}'],
    ...[
      ['its length', 'ns.x | length'],
      ['a test of its letters', 'ns.x is lower'],
      ['a search for a long text', 'ns.x[:200000] in ns.x'],
      ['a cut at a long text', 'ns.x.split(ns.x[:200000]) | length'],
      ['a search from its end', 'ns.x.rfind(ns.x[:200000])'],
      ['its beginnings', 'ns.x.startswith((ns.x ~ "b",) * 1000)'],
      ['an attribute of its name', '[1] | map(attribute=ns.x) | list'],
      ['a number of its digits', 'ns.x | float'],
    ].map(([what, expression]) => [
      `${what} of a long text, again and again`,
      `${grow('"aaaa"', '~', 20)}{% for i in range(100000) %}{% set y = ${expression} %}{% endfor %}`,
    ]),
    ...[
      ['the last element', 'ns.x | last'],
      ['a copy as a dict', 'dict(d)'],
      ['the pairs', 'd | items | list'],
      ['a call with all', 'f(*ns.x)'],
    ].map(([what, expression]) => [
      `${what} of a long list or dict, again and again`,
      `${grow('[1]', '+', 16)}{% macro f() %}{{ varargs | length }}{% endmacro %}{% set d = dict(range(2000) | batch(2)) %}{% for i in range(100000) %}{% set y = ${expression} %}{% endfor %}`,
    ]),
    ['a JSON with long blanks', `${grow('"aaaa"', '~', 18)}{{ [1] | tojson(indent=ns.x) }}`],
    ['a format of unfinished names', `${grow('"%(%("', '~', 20)}{{ ns.x % 1 }}`],
    ['a number of too many digits', `{{ ${'9'.repeat(2_000)} }}`],
    ['a tuple as a key', '{{ {(1, 2): 3} }}'],
    [
      'a sort of long texts',
      `${grow('"aaaa"', '~', 14)}{% set s = namespace(x=[ns.x]) %}{% for i in range(16) %}{% set s.x = s.x + s.x %}{% endfor %}{{ s.x | sort | length }}`,
    ],
    [
      'a macro that calls itself twice',
      '{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}',
    ],
    ['a macro that calls itself for ever', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
    ['a namespace that contains itself', '{% set ns = namespace() %}{% set ns.x = ns %}{{ ns | tojson }}'],
  ])('refuses %s', (_what, source) => {
    expect(() => render(source)).toThrow();
  });

  it.each([
    ['a long source', '{{ x }}'.repeat(50_000)],
    ['a deep nest', `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`],
  ])('refuses %s before it runs', (_what, source) => {
    expect(() => open(source)).toThrow();
  });

  it('stops at the same step everywhere', () => {
    const source = '{% for a in range(10) %}{{ a }}{% endfor %}';
    const isEnough = (steps: number): boolean => {
      try {
        return render(source, {}, steps) === '0123456789';
      } catch {
        return false;
      }
    };
    const least = Array.from({ length: 400 }, (_, steps) => steps).find(isEnough);
    expect(least).toBe(86);
  });

  it('renders a conversation of two thousand messages with a template of the usual size', () => {
    const messages = Array.from({ length: 2_000 }, (_, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content: `<think>\n${'a thought '.repeat(20)}</think>${'an answer '.repeat(100)}`,
    }));
    const source =
      '{%- set ns = namespace(last=messages|length - 1) %}{%- for m in messages[::-1] %}{%- if m.role == "user" and m.content is string %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}' +
      '{%- for message in messages %}{%- if message.role == "tool" %}{%- continue %}{%- endif %}{%- set content = message.content %}{%- if "</think>" in content %}{%- set reasoning = content.split("</think>")[0].rstrip("\\n").split("<think>")[-1].lstrip("\\n") %}{%- set content = content.split("</think>")[-1].lstrip("\\n") %}{%- endif %}' +
      '{{- "<|im_start|>" + message.role + "\\n" + content + "<|im_end|>" + "\\n" }}{%- endfor %}';
    expect(render(source, { messages }).length).toBeGreaterThan(2_000_000);
    expect(render(source, { messages: messages.slice(0, 2) }, PROBE_STEPS / 10)).toContain('<|im_start|>');
  });
});
