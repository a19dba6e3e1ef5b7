import { NO_WISH } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import { expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
import { createLiteralText, QUOTE } from './literal-text.ts';

const literal = createLiteralText([{ text: '<|end|>' }]);
const open = (source: string | undefined) => createChatTemplate(source, { bosToken: '', eosToken: '', literal });

const tools = [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }];
const asked: ChatMessage = { role: 'user', content: 'Paris?' };
const call = { id: 'a', name: 'weather', arguments: '{"city":"Oslo"}' };
const called: ChatMessage = { role: 'assistant', content: '', reasoning: 'I wonder.', calls: [call] };
const loop = [asked, called, { role: 'tool', content: 'Sun.', callId: 'a' }];
const thinking = { ...NO_WISH, wanted: 'yes' } as const;

const LISTS = '{% if tools %}{{ tools | tojson }}{% endif %}';
const each = (said: string): string => `{% for m in messages %}[{{ m.role }}]${said}{% endfor %}`;
const key = (name: string): string =>
  each(`{% if m.${name} %}<think>{{ m.${name} }}</think>{% endif %}{{ m.content }}`);
const CALLS = '{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}';
/** It keeps reasoning behind the last message of the user, as most templates do. */
const afterLastUser = (isQuestion: string): string =>
  `{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' and ${isQuestion} %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}` +
  each(
    '{% if m.reasoning_content and loop.index0 > ns.last %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}',
  );

/**
 * Published templates, in a few words each. Sources: the files of models/templates in ik_llama.cpp 8337e4cd, and
 * packages/jinja/test/e2e.test.js in huggingface.js.
 */
const PUBLISHED: readonly (readonly [model: string, source: string])[] = [
  [
    'Qwen3',
    `${LISTS}${each(`{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}${CALLS}`)}`,
  ],
  // Qwen/Qwen3.5-4B writes parameters in tags, so its calls are those of the protocol's text. A user's message between the marks of an
  // answer of a tool is no question.
  [
    'Qwen3.5',
    `${LISTS}<function=f>${afterLastUser("not m.content.startswith('<tool_response>')")}{% if false %}{{ m.reasoning_content }}{% endif %}`,
  ],
  // nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16 and zai-org/GLM-4.7-Flash count any message of the user as a question. So an answer of a
  // tool in such a message ends the loop, and the reasoning before it is dropped.
  ['Nemotron 3', `${LISTS}<function=f>${afterLastUser('true')}`],
  // CohereLabs Cohere2MoE reads the first of three keys.
  [
    'Cohere2MoE',
    `${LISTS}${each('{% set t = m.reasoning or m.reasoning_content or m.thinking %}{% if t %}<|START_THINKING|>{{ t }}<|END_THINKING|>{% endif %}{{ m.content }}')}`,
  ],
  // google/gemma-4-31B-it: either of two keys, in a message with calls alone.
  [
    'Gemma 4',
    `${LISTS}${each("{% set t = m.get('reasoning') or m.get('reasoning_content') %}{% if t and m.tool_calls %}<|channel>thought\n{{ t }}<channel|>{% endif %}{{ m.content }}{% for c in m.tool_calls or [] %}<|tool_call>call:{{ c.function.name }}{city:{{ c.function.arguments.city }}}<tool_call|>{% endfor %}")}`,
  ],
  // CohereLabs/command-a-reasoning-08-2025 and LiquidAI/LFM2.5-VL-450M.
  ['Command A', `${LISTS}${key('thinking')}`],
  ['LFM2.5', `<|tool_list_start|>${LISTS}${key('thinking')}`],
  // deepseek-ai/DeepSeek-V3.2 drops reasoning unless thinking is wanted.
  [
    'DeepSeek V3.2',
    `${LISTS}<｜DSML｜><parameter=x>{% if thinking %}${key('reasoning_content')}{% else %}${key('content')}{% endif %}`,
  ],
  // mistralai/Ministral-3-14B-Reasoning-2512: a part of the content.
  [
    'Ministral 3',
    `${LISTS}${each("{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{% if p['type'] == 'thinking' %}[THINK]{{ p['thinking'] }}[/THINK]{% else %}{{ p['text'] }}{% endif %}{% endfor %}{% endif %}")}`,
  ],
  // swiss-ai/Apertus-8B-Instruct: blocks. Once an answer has blocks, an answer that is a text is refused.
  [
    'Apertus',
    `${LISTS}{% set ns = namespace(form=none) %}${each("{% if m.role != 'assistant' %}{{ m.content }}{% else %}{% set form = 'text' if m.content is string else 'blocks' %}{% if ns.form not in [none, form] %}{{ raise_exception('another form') }}{% endif %}{% set ns.form = form %}{% if form == 'text' %}{{ m.content }}{% else %}{% for b in m.content.blocks %}{% if b.type == 'thoughts' %}<|inner_prefix|>{{ b.text }}<|inner_suffix|>{% else %}{{ b.text }}{% endif %}{% endfor %}{% endif %}{% endif %}")}`,
  ],
];

it.each(PUBLISHED)('reaches the prompt of a tool loop once: %s', (_, source) => {
  const template = open(source);
  expect(template.thinking?.readsReasoning).toBe(true);
  const prompt = template.render({ messages: loop, tools, thinking });
  expect(template.accepts({ messages: loop, tools, thinking })).toBe(true);
  expect(prompt.split('I wonder.')).toHaveLength(2);
  const places = ['Paris?', 'I wonder.', 'Oslo', 'Sun.'].map((word) => prompt.indexOf(word));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);
});

it.each(PUBLISHED)('mixes with answers that have none, and is quoted: %s', (_, source) => {
  const end = '<|end|>';
  const messages = [
    asked,
    { role: 'assistant', content: 'Yes.' },
    asked,
    { ...called, reasoning: end },
    ...loop.slice(2),
  ];
  const template = open(source);
  expect(template.accepts({ messages, tools, thinking })).toBe(true);
  const prompt = template.render({ messages, tools, thinking });
  expect(prompt).toContain('Yes.');
  expect(prompt.split(end)).toHaveLength(2);
  expect(prompt.split(`${QUOTE}${end}`)).toHaveLength(2);
});

// The roles that a template knows decide where an answer of a tool stands.
it('has answers of tools in the role of a tool where those of a user would end the loop', () => {
  const prompt = open(`${LISTS}<function=f>${afterLastUser('true')}`).render({ messages: loop, tools });
  expect(prompt).toContain('[tool]Sun.');
  const refuses = `${LISTS}<function=f>${afterLastUser('true')}`.replace(
    '[{{ m.role }}]',
    "{{ {'user': '[user]', 'assistant': '[assistant]', 'system': '[system]'}[m.role] + '' }}",
  );
  expect(open(refuses).render({ messages: loop, tools })).toContain('[user]<tool_response>\nSun.\n</tool_response>');
  expect(open(refuses).thinking?.readsReasoning).toBe(false);
});

it.each([
  ['no key', each('{{ m.content }}')],
  ['a key in a comment', `${each('{{ m.content }}')}{# reasoning_content #}`],
  // It writes a list of parts as Python shows it.
  ['a content as it stands', `${each('{{ m.content }}')}{{ 'thinking' if false }}`],
])('is known to be lost in a template that reads %s', (_, source) => {
  const template = open(source);
  expect(template.thinking?.readsReasoning).toBe(false);
  expect(template.render({ messages: loop, tools })).not.toContain('I wonder.');
  expect(template.render({ messages: [asked, { role: 'assistant', content: 'Yes.', reasoning: 'Hm.' }] })).toContain(
    'Yes.',
  );
});

it('stays where a template takes plain turns alone', () => {
  const strict = `{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{% endfor %}${key('reasoning_content')}`;
  const messages = [
    asked,
    asked,
    { role: 'assistant', content: 'One.', reasoning: 'First.' },
    { role: 'assistant', content: 'Two.', reasoning: 'Second.' },
  ];
  expect(open(strict).render({ messages })).toBe(
    '[user]Paris?\n\nParis?[assistant]<think>First.\n\nSecond.</think>One.\n\nTwo.',
  );
});

/** openai/gpt-oss-120b: one call a message, and words or reasoning beside it, but not both. */
const GPT_OSS =
  `<|channel|>${LISTS}{% for m in messages %}{% if m.tool_calls %}{% if m.content and m.thinking %}{{ raise_exception('not both') }}{% endif %}` +
  '[analysis]{{ m.content or m.thinking }}[{{ m.tool_calls[0].function.arguments.city }}]{% else %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}';

it('loses no call, no word and no reasoning in a template that takes one call and one text', () => {
  const two = [call, { ...call, id: 'b', arguments: '{"city":"Rome"}' }];
  const messages = [
    ...[asked, { ...called, content: 'I look.', calls: two }],
    ...['b', 'a'].map((callId) => ({ role: 'tool', content: `of ${callId}`, callId })),
  ];
  const template = open(GPT_OSS);
  expect(template.accepts({ messages, tools })).toBe(true);
  expect(template.render({ messages, tools })).toContain(
    '[user]Paris?[analysis]I wonder.\n\nI look.[Oslo][tool]of a[analysis][Rome][tool]of b',
  );
});

/** meta-llama/Llama-3.1-8B-Instruct to 3.3: it refuses two calls, and leaves out the words beside a call. */
const LLAMA =
  `<|start_header_id|>${LISTS}{% for m in messages %}[{{ m.role }}]{% if m.tool_calls %}{% if m.tool_calls | length != 1 %}{{ raise_exception('one call') }}{% endif %}` +
  '{"name": "{{ m.tool_calls[0].function.name }}", "parameters": {{ m.tool_calls[0].function.arguments | tojson }}}{% else %}{{ m.content }}{% endif %}{% endfor %}';

it('writes two calls of an answer in the form in which the next answer is read', () => {
  const two = [call, { ...call, id: 'b', arguments: '{"city":"Rome"}' }];
  const messages = [asked, { role: 'assistant', content: 'I look.', calls: two }, ...loop.slice(2)];
  const template = open(LLAMA);
  expect(template.answerFormat.calls).toBe('llama');
  expect(template.accepts({ messages, tools })).toBe(true);
  const prompt = template.render({ messages, tools });
  expect(prompt).not.toContain('You can call these functions');
  expect(prompt).toContain(
    '[assistant]I look.[assistant]{"name": "weather", "parameters": {"city": "Oslo"}}[tool]Sun.[assistant]{"name": "weather", "parameters": {"city": "Rome"}}',
  );
});

it("keeps calls in the model's own form where a template takes alternating turns alone", () => {
  const strict = `{% set ns = namespace(i=0) %}{% for m in messages %}{% if m.role != 'tool' and not m.tool_calls %}{% if (m.role == 'user') != (ns.i % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{% set ns.i = ns.i + 1 %}{% endif %}{% endfor %}`;
  const template = open(
    `${LISTS}${strict}${each('{{ m.content }}{% for c in m.tool_calls or [] %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}')}`,
  );
  const system = { role: 'system', content: 'Be brief.' };
  const messages = [system, asked, ...loop, { role: 'assistant', content: 'It is sunny.' }, asked, asked];
  expect(template.accepts({ messages, tools })).toBe(false);
  expect(template.render({ messages, tools })).toMatch(
    /\[user\]Be brief\.\n\nParis\?\n\nParis\?\[assistant\]\[TOOL_CALLS\]weather\[ARGS\]\{"city": "Oslo"\}\[tool\]Sun\.\[assistant\]It is sunny\.\[user\]Paris\?\n\nParis\?$/,
  );
});

// HuggingFaceTB/SmolLM3-3B names `tools` and `<tool_call>`, lists only tools of other names and writes no call.
it("uses the protocol's own text for a template that leaves out tools, calls or their answers", () => {
  const listed = '[{{ m.role }}]{{ m.content }}';
  for (const source of [`<tool_call>{# tools #}${each(listed)}`, `[TOOL_CALLS]${LISTS}${each(listed)}`]) {
    const template = open(source);
    expect(template.answerFormat.calls).toBe('hermes');
    expect(template.render({ messages: loop, tools })).toContain('"arguments": {"city":"Oslo"}');
  }
});

// The default system message of several models speaks of instructions.
it('takes the words of a template for none of a probe', () => {
  const own = 'You follow the instruction of the user.';
  const parts = each('{% for part in m.content %}{{ part.text }}{% endfor %}');
  expect(open(own + parts).render({ messages: [asked] })).toBe(`${own}[user]Paris?`);
  const skips = `{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}`;
  expect(open(own + skips).render({ messages: [asked], tools })).toMatch(/\[user\]You can call these functions/);
});
