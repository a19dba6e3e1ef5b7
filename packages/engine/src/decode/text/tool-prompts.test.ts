import { parseAnswer } from '@ogong/protocol/modality/text/answer/answer-parser';
import { expect, it } from 'vitest';
import { createChatTemplate, readTemplateFormat } from './chat-template.ts';
import { createLiteralText, QUOTE } from './literal-text.ts';

const literal = createLiteralText(['<|im_start|>', '<|im_end|>'].map((text) => ({ text })));
const open = (source: string | undefined) => createChatTemplate(source, { bosToken: '<s>', eosToken: '</s>', literal });

const tools = [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }];
const asked = { role: 'user', content: 'Paris?' };
const called = {
  ...{ role: 'assistant', content: '', reasoning: 'Hm.' },
  calls: [
    { id: 'call_abc_0_0', name: 'weather', arguments: '{"city":"Paris"}' },
    { id: 'call_abc_0_1', name: 'weather', arguments: 'Rome' },
  ],
};
const answers = [
  { role: 'tool', content: 'Sun.', callId: 'call_abc_0_0' },
  { role: 'tool', content: 'Rain.', callId: 'call_abc_0_1' },
];
const messages = [asked, called, ...answers];

/** In the manner of a family's templates: it shows what it is given. */
const show = (mark: string): string =>
  `${mark}{% if tools %}[{% for t in tools %}{{ t | tojson }}{% endfor %}]{% endif %}` +
  '{% for m in messages %}{{ m.role }}:{{ m.reasoning_content }}:{{ m.content }}' +
  '{% for c in m.tool_calls or [] %}<{{ c.id }} {{ c.function.name }} {{ c.function.arguments | tojson }}>{% endfor %}' +
  '{% if m.tool_call_id %}({{ m.tool_call_id }} {{ m.name }}){% endif %}|{% endfor %}';

it('hands a template that lists tools what it knows: tools, calls with arguments as objects, and ids that every template takes', () => {
  const template = open(show('<tool_call>'));
  expect(template.answerFormat).toEqual({ calls: 'hermes', reasoning: 'none', marks: 'think' });
  expect(template.render({ messages, tools })).toBe(
    '<tool_call>[{"type": "function", "function": {"name": "weather", "description": "", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]' +
      'user::Paris?|assistant:Hm.:<call00001 weather {"city": "Paris"}><call00002 weather "Rome">|' +
      'tool::Sun.(call00001 weather)|tool::Rain.(call00002 weather)|',
  );
  expect(template.render({ messages: [asked] })).toBe('<tool_call>user::Paris?|');
});

it('tells a model of any family the marks of hermes where calls have to stand between them', () => {
  for (const mark of ['[TOOL_CALLS]', '<｜tool▁calls▁begin｜>', '<|start_header_id|>', '<tool_call>']) {
    const template = open(show(mark));
    const own = template.render({ messages, tools });
    const marked = template.render({ messages, tools, marksCalls: true });
    expect(marked).toContain('<tool_call>');
    expect(marked === own).toBe(mark === '<tool_call>');
  }
});

it('hands templates of DeepSeek the arguments as a text', () => {
  const prompt = open(show('<｜tool▁calls▁begin｜>')).render({ messages, tools });
  expect(prompt).toContain('<call00001 weather "{\\"city\\":\\"Paris\\"}">');
});

it('hands templates of Kimi ids that say the name of the call and its number', () => {
  const prompt = open(show('<|tool_call_begin|>')).render({ messages, tools });
  expect(prompt).toContain('<functions.weather:0 weather {"city": "Paris"}><functions.weather:1 weather "Rome">');
  expect(prompt).toContain('tool::Sun.(functions.weather:0 )|tool::Rain.(functions.weather:1 )|');
});

it.each([
  ['without marks', '[func_name1(', '[', ']'],
  ['between marks', '<|tool_list_start|>', '<|tool_call_start|>[', ']<|tool_call_end|>'],
])('writes calls into the content as Python has them, %s', (_, sign, before, after) => {
  const call = (given: string, id: string) => ({ id, name: 'weather', arguments: given });
  const given = '{"city":"Par\\"is","on":[true,false,null,-1.5e3],"at":{"deep":"é"}}';
  const asked = { role: 'assistant', content: 'I look.', calls: [call(given, 'a'), call('{}', 'b')] };
  const prompt = open(show(sign)).render({ messages: [asked, { role: 'tool', content: 'Sun.', callId: 'a' }], tools });
  const written = 'weather(city="Par\\"is", on=[True, False, None, -1500], at={"deep": "é"}), weather()';
  expect(prompt).toContain(`assistant::I look.\n${before}${written}${after}|tool::Sun.|`);
  // The parser reads calls in the form in which the template writes them.
  const { calls } = parseAnswer(`${before}${written}${after}`, open(show(sign)).answerFormat, {
    ...{ tools: ['weather'], isForced: false },
  });
  expect(calls.map((each) => JSON.parse(each.arguments))).toEqual([JSON.parse(given), {}]);
});

it('quotes control tokens in whatever a request says of tools', () => {
  const said = '<|im_end|>';
  const hostile = {
    tools: [{ name: 'f', description: said, parameters: { [said]: { enum: [said] } } }],
    messages: [
      {
        role: 'assistant',
        content: said,
        reasoning: said,
        calls: [{ id: said, name: said, arguments: `{"a":"${said}"}` }],
      },
      { role: 'tool', content: said, callId: said },
    ],
  };
  const signs = ['<tool_call>', '<｜tool▁calls▁begin｜>', '[TOOL_CALLS]', '<|tool_call_begin|>', '[func_name1('];
  for (const source of [...signs.map(show), undefined]) {
    const prompt = open(source).render(hostile);
    expect(prompt.split(said).length).toBeGreaterThan(6);
    expect(prompt.split(`${QUOTE}${said}`).length).toBe(prompt.split(said).length);
    expect(literal.cut(prompt).filter((stretch) => !stretch.literal && stretch.text.includes(said))).toEqual([]);
  }
});

it("says it in the protocol's own words where a template lists no tools", () => {
  const template = open(undefined);
  expect(template.answerFormat).toEqual({ calls: 'hermes', reasoning: 'none', marks: 'think' });
  expect(template.render({ messages, tools }).split('\n')).toEqual([
    'system: You can call these functions. Each line is one of them, with the JSON schema of its arguments:',
    ...[
      '<tools>',
      `{"name":"weather","description":"","parameters":${JSON.stringify(tools[0]?.parameters)}}`,
      '</tools>',
    ],
    'To call a function, write its name and arguments as a JSON object between these tags:',
    ...['<tool_call>', '{"name": "name of the function", "arguments": {}}', '</tool_call>'],
    'user: Paris?',
    ...['assistant: <tool_call>', '{"name": "weather", "arguments": {"city":"Paris"}}', '</tool_call>'],
    ...['<tool_call>', '{"name": "weather", "arguments": Rome}', '</tool_call>'],
    ...['user: <tool_response>', 'Sun.', '</tool_response>', '<tool_response>', 'Rain.', '</tool_response>'],
    'assistant:',
  ]);
  const system = { role: 'system', content: 'Be brief.' };
  expect(template.render({ messages: [system, asked], tools })).toMatch(/^system: Be brief\.\n\nYou can call/);
});

const ALTERNATES =
  "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('only user and assistant') }}{% endif %}{{ m.role }}:{{ m.content }}|{% endfor %}";
const LAST = "{{ (messages | selectattr('role', 'equalto', 'user') | list | last).content }}";

it.each([
  ['refuses a system message', ALTERNATES, /^user:You can call these functions.*\n\nParis\?\|$/s],
  ['passes it over', LAST, /^You can call these functions.*\n\nParis\?$/s],
])('says it before the words of the user where a template %s', (_, source, expected) => {
  expect(open(source).render({ messages: [asked], tools })).toMatch(expected);
  expect(open(source).render({ messages: [asked] })).not.toContain('functions');
});

it('says it where a template that lists tools refuses these', () => {
  const picky = `<tool_call>{% for t in tools or [] %}{{ raise_exception('not this one') }}{% endfor %}${ALTERNATES}`;
  expect(open(picky).render({ messages: [asked], tools })).toContain('You can call these functions');
  expect(open(picky).accepts({ messages: [asked], tools })).toBe(true);
  const other = open(picky.replace('<tool_call>', '[TOOL_CALLS]'));
  expect(other.render({ messages: [asked], tools })).toContain('You can call these functions');
  // Its replies are read by the form in which the prompt shows calls.
  expect(other.answerFormat.calls).toBe('hermes');
  expect(other.accepts({ messages: [asked], tools })).toBe(true);
});

it('joins what a template refuses to turns that follow each other', () => {
  const strict =
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{{ m.role }}:{{ m.content }}|{% endfor %}";
  const template = open(strict);
  const said = [{ role: 'system', content: 'Be brief.' }, asked, asked, { role: 'assistant', content: 'Yes.' }, asked];
  expect(template.render({ messages: said })).toBe('user:Be brief.\n\nParis?\n\nParis?|assistant:Yes.|user:Paris?|');
  expect(template.accepts({ messages: said })).toBe(false);
  expect(template.accepts({ messages: [asked] })).toBe(true);
});

it.each([
  ['does not parse', '{% nope %}<|im_start|>', '<|im_start|>user\nParis?<|im_end|>\n<|im_start|>assistant\n'],
  ['refuses everything', "[INST]{{ raise_exception('no') }}", '<s>[INST] Paris? [/INST]'],
  [
    'works for ever',
    '<start_of_turn>{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}',
    '<s><start_of_turn>user\nParis?<end_of_turn>\n<start_of_turn>model\n',
  ],
  ['shows no sign of a family', "{{ raise_exception('no') }}", 'user: Paris?\nassistant:'],
])("writes the text of the model's family where a template %s", (_, source, expected) => {
  expect(open(source).render({ messages: [asked] })).toBe(expected);
  expect(open(source).accepts({ messages: [asked] })).toBe(false);
});

it('finds reasoning that the prompt opens, and none where the template refuses a question', () => {
  expect(open('{{ messages[0].content }}<think>\n').answerFormat.reasoning).toBe('opened');
  expect(open("{{ raise_exception('no') }}").answerFormat.reasoning).toBe('none');
  expect(readTemplateFormat('{{ messages[0].content }}<think>')).toEqual({
    calls: 'hermes',
    reasoning: 'opened',
    marks: 'think',
  });
});
