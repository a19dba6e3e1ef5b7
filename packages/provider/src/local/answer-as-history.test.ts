import { createChatTemplate } from '@ogong/engine/decode/text/chat-template';
import type { Prompt, TextEngine } from '@ogong/engine/interface/text';
import type { CallFamily } from '@ogong/protocol/modality/text/answer/answer-format';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterEach, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';

/** A family's manner to write calls and reasoning: its template, and a reply of its model. */
interface Manner {
  readonly template: string;
  say(cities: readonly string[]): string;
}

const wrap = ({
  said,
  call,
  before = '',
}: {
  readonly said: string;
  readonly call: string;
  readonly before?: string;
}) =>
  `{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}${before}[{{ m.role }}]${said}` +
  `{% for c in m.tool_calls or [] %}{% set f = c.function %}${call}{% endfor %}{% endfor %}`;
const think = (key: string, open: string, close: string): string =>
  `{% if m.${key} %}${open}{{ m.${key} }}${close}{% endif %}{{ m.content }}`;

const THINK = think('reasoning_content', '<think>', '</think>');
const ARGUMENTS = '{{ f.arguments | tojson }}';
const parse = (cities: readonly string[], write: (city: string) => string, between = ''): string =>
  cities.map(write).join(between);

const MANNERS: Readonly<Record<CallFamily, Manner>> = {
  hermes: {
    template: wrap({ said: THINK, call: '<tool_call>{{ f | tojson }}</tool_call>' }),
    say: (cities) =>
      `<think>Hm.</think>I look.${parse(cities, (city) => `<tool_call>{"name": "weather", "arguments": {"city": "${city}"}}</tool_call>`)}`,
  },
  // Llama 3.1 to 3.3 (meta-llama/Llama-3.3-70B-Instruct): the template refuses two calls in one message, though the model writes them. It
  // leaves out words beside a call.
  llama: {
    template: wrap({
      said: `{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{% if not m.tool_calls %}{{ m.content }}{% endif %}`,
      call: `<|python_tag|>{"name": "{{ f.name }}", "parameters": ${ARGUMENTS}}`,
      before:
        "{% if m.tool_calls and m.tool_calls | length != 1 %}{{ raise_exception('single tool-calls') }}{% endif %}",
    }),
    say: (cities) =>
      `<think>Hm.</think>${parse(cities, (city) => `{"name": "weather", "parameters": {"city": "${city}"}}`, '; ')}`,
  },
  // Ministral 3 (mistralai/Ministral-3-14B-Reasoning-2512): reasoning is a part of the content.
  mistral: {
    template: wrap({
      said: "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{% if p.type == 'thinking' %}[THINK]{{ p['thinking'] }}[/THINK]{% else %}{{ p.text }}{% endif %}{% endfor %}{% endif %}",
      call: `[TOOL_CALLS]{{ f.name }}[ARGS]${ARGUMENTS}`,
    }),
    say: (cities) =>
      `[THINK]Hm.[/THINK]I look.${parse(cities, (city) => `[TOOL_CALLS]weather[ARGS]{"city": "${city}"}`)}`,
  },
  deepseek: {
    template: wrap({
      said: THINK,
      call: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{{ f.name + '<｜tool▁sep｜>' + f.arguments }}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    }),
    say: (cities) =>
      `<think>Hm.</think>I look.<｜tool▁calls▁begin｜>${parse(cities, (city) => `<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"city": "${city}"}<｜tool▁call▁end｜>`)}<｜tool▁calls▁end｜>`,
  },
  // Gemma 4 (google/gemma-4-31B-it): either of two keys, and marks of its own.
  gemma: {
    template: wrap({
      said: "{% set t = m.get('reasoning') or m.get('reasoning_content') %}{% if t %}<|channel>thought\n{{ t }}\n<channel|>{% endif %}{{ m.content }}",
      call: '<|tool_call>call:{{ f.name }}{city:<|"|>{{ f.arguments.city }}<|"|>}<tool_call|>',
    }),
    say: (cities) =>
      `<|channel>thought\nHm.\n<channel|>I look.${parse(cities, (city) => `<|tool_call>call:weather{city:<|"|>${city}<|"|>}<tool_call|>`)}`,
  },
  // GPT-OSS (openai/gpt-oss-120b): the template refuses words beside reasoning in a message with a call, and writes its first call alone.
  harmony: {
    template:
      "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{% if m.tool_calls %}{% if m.content and m.thinking %}{{ raise_exception('Cannot pass both') }}{% endif %}" +
      '<|start|>assistant<|channel|>analysis<|message|>{{ m.content or m.thinking }}<|end|>{% set f = m.tool_calls[0].function %}<|start|>assistant to=functions.{{ f.name }}<|channel|>commentary json<|message|>{{ f.arguments | tojson }}<|call|>' +
      '{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}',
    say: (cities) =>
      `<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>${parse(cities, (city) => `<|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "${city}"}<|call|>`)}`,
  },
  kimi: {
    template: wrap({
      said: THINK,
      call: `<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>${ARGUMENTS}<|tool_call_end|>`,
    }),
    say: (cities) =>
      `<think>Hm.</think>I look.<|tool_calls_section_begin|>${parse(cities, (city) => `<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{"city": "${city}"}<|tool_call_end|>`)}<|tool_calls_section_end|>`,
  },
  // LFM2.5 (LiquidAI/LFM2.5-VL-450M): the key is `thinking`.
  pythonic: {
    template: wrap({ said: `<|tool_list_start|>${think('thinking', '<think>', '</think>')}`, call: '' }),
    say: (cities) =>
      `<think>Hm.</think>I look.<|tool_call_start|>[${parse(cities, (city) => `weather(city="${city}")`, ', ')}]<|tool_call_end|>`,
  },
};

/** Their texts hold no control tokens. */
const PLAIN = { quote: (text: string) => text, quoteAll: (value: unknown) => value };
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { name: 'weather', description: 'The weather is mild.', parameters };
const question = { role: 'user', content: 'Paris?' };
const base = { model: 'fake', stream: false };

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, sent back as it came
type Answer = any;
/** A dialect: the body of a question, and the body that sends its answer back. */
interface Dialect {
  readonly path: string;
  readonly ask: object;
  reply(answer: Answer): object;
}

const chatTools = [{ type: 'function', function: weather }];
const CHAT = { ...base, max_tokens: 900, tools: chatTools, messages: [question] };
const RESPONSE = { ...base, max_output_tokens: 900, tools: [{ type: 'function', ...weather }], input: [question] };
const { parameters: input_schema, ...named } = weather;
const MESSAGE = { ...base, max_tokens: 900, tools: [{ ...named, input_schema }], messages: [question] };
const OLLAMA = { ...base, options: { num_predict: 900 }, tools: chatTools, messages: [question] };

const DIALECTS: Readonly<Record<string, Dialect>> = {
  chat: {
    ...{ path: '/v1/chat/completions', ask: CHAT },
    reply({ choices: [{ message }] }) {
      const answers = message.tool_calls.map(({ id }: Answer, i: number) => ({
        ...{ role: 'tool', tool_call_id: id, content: `answer ${i}` },
      }));
      return { ...CHAT, messages: [question, message, ...answers] };
    },
  },
  responses: {
    ...{ path: '/v1/responses', ask: RESPONSE },
    reply({ output }) {
      const calls = output.filter(({ type }: Answer) => type === 'function_call');
      const answers = calls.map(({ call_id }: Answer, i: number) => ({
        ...{ type: 'function_call_output', call_id, output: `answer ${i}` },
      }));
      return { ...RESPONSE, input: [question, ...output, ...answers] };
    },
  },
  messages: {
    ...{ path: '/v1/messages', ask: MESSAGE },
    reply({ role, content }) {
      const calls = content.filter(({ type }: Answer) => type === 'tool_use');
      const answers = calls.map(({ id }: Answer, i: number) => ({
        ...{ type: 'tool_result', tool_use_id: id, content: `answer ${i}` },
      }));
      return { ...MESSAGE, messages: [question, { role, content }, { role: 'user', content: answers }] };
    },
  },
  ollama: {
    ...{ path: '/api/chat', ask: OLLAMA },
    reply({ message }) {
      const answers = message.tool_calls.map((_: Answer, i: number) => ({
        ...{ role: 'tool', tool_name: 'weather', content: `answer ${i}` },
      }));
      return { ...OLLAMA, messages: [question, message, ...answers] };
    },
  },
};

let fixture: LocalFixture;
afterEach(() => fixture.close());

const cases = Object.entries(MANNERS).flatMap(([family, manner]) =>
  [['Paris'], ['Paris', 'Rome']].map((cities) => [family, cities, manner] as const),
);

it.each(cases)(
  'an answer of the family %s with calls for %j can be sent back in every dialect',
  async (family, cities, { template: source, say }) => {
    const template = createChatTemplate(source, { bosToken: '', eosToken: '', literal: PLAIN });
    const { answerFormat, thinking } = template;
    expect(answerFormat.calls).toBe(family);
    const prompts: Prompt[] = [];
    fixture = await createLocalFixture({
      open() {
        const engine: TextEngine = createFakeEngine({
          ...{ contextSize: 4096, says: say(cities), answerFormat },
          ...(thinking && { thinking }),
        });
        return {
          ...engine,
          async usesTemplate(prompt) {
            prompts.push(prompt);
            return prompt.kind === 'chat' && template.accepts(prompt);
          },
        };
      },
    });
    const post = async (path: string, body: object): Promise<Answer> => {
      const response = await fixture.post(path, body);
      const answer: Answer = await response.json();
      expect([response.status, response.headers.get('x-ogong-ignored'), answer.error ?? null]).toEqual([
        200,
        null,
        null,
      ]);
      return answer;
    };
    for (const [name, { path, ask, reply }] of Object.entries(DIALECTS)) {
      const answer = await post(path, ask);
      await post(path, reply(answer));
      const prompt = prompts.at(-1);
      if (prompt?.kind !== 'chat') throw new Error('a chat has no other prompt ');
      const rendered = template.render(prompt);
      const words = family === 'llama' ? [] : ['I look.'];
      const places = ['Hm.', ...words, ...cities].map((word) => rendered.lastIndexOf(word));
      const answers = cities.map((_, i) => rendered.indexOf(`answer ${i}`));
      expect({ name, missing: [...places, ...answers].includes(-1), rendered }).toMatchObject({ missing: false });
      expect(rendered.split('Hm.')).toHaveLength(2);
    }
  },
);
