import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import { formatExactJson } from '../../../base/exact-json.ts';
import { CALL_FAMILIES, type CallFamily } from '../answer/answer-format.ts';
import { parseAnswer } from '../answer/answer-parser.ts';
import { compileGrammar, matchText } from '../grammar/machine.ts';
import { parseRequest } from './request.ts';
import { parseToolUse } from './tools.ts';

const WEATHER = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'What the weather is.',
    parameters: {
      $ref: '#/$defs/place',
      $defs: { place: { properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'] } },
    },
  },
};
const CLOCK = { type: 'function', function: { name: 'clock', parameters: { type: 'object', properties: {} } } };
const base = { model: 'm', messages: [{ role: 'user', content: 'hi' }], tools: [WEATHER, CLOCK] };
const read = (extra: object = {}) => parseRequest(utf8Encode(JSON.stringify({ ...base, ...extra })), 'chat');

describe('tools', () => {
  it('are offered, and determine the parsing of the answer', () => {
    const { tools, terms, grammar, dropped } = read({ tools: [WEATHER, { ...CLOCK, function: { name: 'clock' } }] });
    expect(tools.map(({ parameters, ...named }) => ({ ...named, parameters: formatExactJson(parameters) }))).toEqual([
      { ...WEATHER.function, parameters: JSON.stringify(WEATHER.function.parameters) },
      { name: 'clock', parameters: '{"type":"object","properties":{}}' },
    ]);
    expect([terms, grammar, dropped]).toEqual([
      { tools: ['weather', 'clock'], isForced: false, isFormed: false },
      undefined,
      [],
    ]);
  });

  it('are not offered if the answer must not call them', () => {
    expect(read({ tool_choice: 'none' })).toMatchObject({ tools: [], terms: { tools: [], isForced: false } });
  });

  it('may be combined with a format if they are not offered', () => {
    const { grammar } = read({ tool_choice: 'none', response_format: { type: 'json_object' } });
    expect(grammar).toEqual(expect.any(String));
  });

  it('are counted in the most tokens that a prompt can have', () => {
    const without = read({ tools: [] }).promptTokenBound;
    const few = read({ tools: [CLOCK] }).promptTokenBound;
    expect(few).toBeGreaterThan(without);
    expect(read().promptTokenBound).toBeGreaterThan(few + JSON.stringify(WEATHER).length);
    expect(read({ tool_choice: 'none' }).promptTokenBound).toBe(without);
  });

  it('name the settings that are not enforced', () => {
    const strict = { ...CLOCK, function: { ...CLOCK.function, strict: true } };
    const wishes = { tools: [strict], parallel_tool_calls: false };
    expect(read(wishes).dropped).toEqual(['tools[0].function.strict', 'parallel_tool_calls']);
    expect(read({ ...wishes, tool_choice: 'required' }).dropped).toEqual([]);
  });
});

describe('a forced call', () => {
  const matches = (extra: object, text: string): string =>
    matchText(compileGrammar(read(extra).grammar as string), utf8Encode(text));
  const PARIS = '{"name": "weather", "arguments": {"city":"Paris"}}';
  const NOW = '{"name": "clock", "arguments": {}}';
  const clock = { type: 'function', function: { name: 'clock' } };

  it.each([
    ['a call of any tool', 'required', PARIS, 'whole'],
    ['a call of any tool', 'required', NOW, 'whole'],
    ['arguments outside the schema', 'required', PARIS.replace('Paris', 'Oslo'), 'forbidden'],
    ['arguments for a tool that takes none', 'required', NOW.replace('{}', '{"a":1}'), 'forbidden'],
    ['a tool that is not offered', 'required', NOW.replace('clock', 'rm'), 'forbidden'],
    ['words before it', 'required', `Well. ${NOW}`, 'forbidden'],
    ['several calls unasked', 'required', `[${NOW}, ${PARIS}]`, 'forbidden'],
    ['the tool that is named', clock, NOW, 'whole'],
    ['another tool', clock, PARIS, 'forbidden'],
  ])('%s (%j): %s is %s', (_, tool_choice, text, expected) => {
    expect(matches({ tool_choice }, text)).toBe(expected);
  });

  it('may be several, if requested', () => {
    const asked = { tool_choice: 'required', parallel_tool_calls: true };
    expect(matches(asked, `[${NOW}, ${PARIS}]`)).toBe('whole');
    expect(matches(asked, PARIS)).toBe('whole');
    expect(matches(asked, '[]')).toBe('forbidden');
    expect(matches(asked, `[${Array(17).fill(NOW).join(', ')}]`)).toBe('forbidden');
  });
});

describe('a form beside tools', () => {
  const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
  const format = { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } };
  const matches = (text: string, extra: object = {}): string =>
    matchText(compileGrammar(read({ ...format, ...extra }).grammar as string), utf8Encode(text));
  const mark = (call: string) => `<tool_call>\n${call}\n</tool_call>`;
  const PARIS = '{"name": "weather", "arguments": {"city":"Paris"}}';
  const NOW = '{"name": "clock", "arguments": {}}';
  const one = { parallel_tool_calls: false };

  it.each([
    ['JSON of the schema', '{"name":"weather"}', {}, 'whole'],
    ['a call', mark(PARIS), {}, 'whole'],
    ['several calls', `${mark(PARIS)}\n${mark(NOW)}`, {}, 'whole'],
    ['one call if one is requested', mark(PARIS), one, 'whole'],
    ['several calls if one is requested', `${mark(PARIS)}\n${mark(NOW)}`, one, 'forbidden'],
    ['a call without its mark', PARIS, {}, 'forbidden'],
    ['JSON of another schema', '{"city":"Paris"}', {}, 'forbidden'],
    ['words', 'I look.', {}, 'forbidden'],
    ['words before a call', `I look.\n${mark(PARIS)}`, {}, 'forbidden'],
    ['JSON before a call', `{"name":"x"}\n${mark(PARIS)}`, {}, 'forbidden'],
    ['arguments that the tool does not take', mark(PARIS.replace('Paris', 'Oslo')), {}, 'forbidden'],
    ['a tool that is not offered', mark(NOW.replace('clock', 'rm')), {}, 'forbidden'],
    ['more calls than an answer has', Array(17).fill(mark(NOW)).join('\n'), {}, 'forbidden'],
    ['JSON if a call is forced', '{"name":"weather"}', { tool_choice: 'required' }, 'forbidden'],
    ['a call if it is forced', PARIS, { tool_choice: 'required' }, 'whole'],
    ['a call if none is offered', mark(PARIS), { tool_choice: 'none' }, 'forbidden'],
    ['JSON if no call is offered', '{"name":"x"}', { tool_choice: 'none' }, 'whole'],
  ])('%s: %s %j is %s', (_, text, extra, expected) => expect(matches(text, extra)).toBe(expected));

  it('determines the parsing of the answer, and enforces strict schemas', () => {
    const strict = { ...CLOCK, function: { ...CLOCK.function, strict: true } };
    const { terms, dropped } = read({ ...format, tools: [strict], ...one });
    expect([terms, dropped]).toEqual([{ tools: ['clock'], isForced: false, isFormed: true }, []]);
    expect(read({ ...format, tool_choice: 'required' }).terms).toMatchObject({ isForced: true, isFormed: false });
  });

  it('separates JSON from calls, for any schema', () => {
    const answers = fc.oneof(
      fc.jsonValue().map((value) => ({ text: JSON.stringify(value), count: 0 })),
      fc.integer({ min: 1, max: 16 }).map((count) => ({ text: Array(count).fill(mark(PARIS)).join('\n'), count })),
    );
    const tricks = [PARIS, mark(PARIS), JSON.stringify(mark(PARIS)), `[${PARIS}]`];
    const grammar = compileGrammar(read({ guided_json: true }).grammar as string);
    const check = (text: string, count: number, calls: CallFamily): void => {
      const answer = parseAnswer(text, { calls, reasoning: 'opened', marks: 'think' }, read(format).terms);
      expect([answer.calls.length, answer.content]).toEqual([count, count > 0 ? '' : text]);
    };
    fc.assert(
      fc.property(answers, fc.constantFrom(...CALL_FAMILIES), ({ text, count }, calls) => check(text, count, calls)),
    );
    for (const text of tricks) {
      const isCall = text.startsWith('<');
      expect(matchText(grammar, utf8Encode(text))).toBe('whole');
      for (const calls of CALL_FAMILIES) check(text, isCall ? 1 : 0, calls);
    }
  });

  it.each([{ grammar: 'root ::= "a"' }, { guided_choice: ['<tool_call>'] }, { ogong: { grammar: 'root ::= "a"' } }])(
    'is refused if it is no schema: %j',
    (extra) => {
      expect(() => read(extra)).toThrow(expect.objectContaining({ code: 'unsupported_parameter' }));
      expect(read({ ...extra, tool_choice: 'none' }).grammar).toEqual(expect.any(String));
    },
  );

  it('is parsed even if a forced call leaves it no place', () => {
    expect(() => read({ tool_choice: 'required', response_format: { type: 'xml' } })).toThrow(/response_format/);
  });
});

describe('messages about calls', () => {
  it('are parsed with reasoning, calls and results', () => {
    const calls = [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }];
    const { messages } = read({
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: null, reasoning_content: 'Hm.', tool_calls: calls },
        { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: 'Sun.' }] },
      ],
    });
    expect(messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: '',
        reasoning: 'Hm.',
        calls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Paris"}' }],
      },
      { role: 'tool', content: 'Sun.', callId: 'c1' },
    ]);
  });

  it('count with the blanks of a template', () => {
    const bound = (given: string) =>
      read({
        messages: [{ role: 'assistant', tool_calls: [{ id: 'c', function: { name: 'f', arguments: given } }] }],
      }).promptTokenBound;
    const deep = `{"a":${'['.repeat(30)}1${']'.repeat(30)}}`;
    const written = JSON.stringify(JSON.parse(deep), null, 4);
    expect(bound(deep) - bound('{}')).toBeGreaterThan(written.length);
  });
});

describe('allowed tools', () => {
  const tools = ['f', 'g', 'h'].map((name) => ({ type: 'function', function: { name } }));
  const named = (...names: string[]) => names.map((name) => ({ type: 'function', function: { name } }));
  const choose = (allowed: object, more: object = {}) =>
    parseToolUse({ tools, tool_choice: { type: 'allowed_tools', allowed_tools: allowed }, ...more });
  const namesOf = (use: ReturnType<typeof parseToolUse>) => use.tools.map(({ name }) => name);

  it('are all offered tools', () => {
    const use = choose({ mode: 'auto', tools: named('g', 'h') });
    expect([namesOf(use), use.forced]).toEqual([['g', 'h'], undefined]);
    expect(namesOf(choose({ mode: 'auto', tools: [] }))).toEqual([]);
  });

  it('may be forced, one or several', () => {
    const use = choose({ mode: 'required', tools: named('g', 'h') }, { parallel_tool_calls: true });
    expect([namesOf(use), use.forced, use.areSeveral]).toEqual([['g', 'h'], ['g', 'h'], true]);
  });

  it.each([
    ['tool_choice.allowed_tools.mode', { mode: 'none', tools: named('f') }],
    ['tool_choice.allowed_tools.tools', { mode: 'auto' }],
    ['tool_choice.allowed_tools.tools[0]', { mode: 'auto', tools: named('other') }],
    ['tool_choice', { mode: 'required', tools: [{ type: 'mcp', server_label: 'x' }] }],
    ['tool_choice.allowed_tools.tools[0]', { mode: 'auto', tools: [{}] }],
    ['tool_choice', { mode: 'required', tools: [] }],
  ])('are refused by %s: %j', (param, allowed) => {
    expect(() => choose(allowed)).toThrow(expect.objectContaining({ param }));
  });
});
