import { formatExactJson } from '@ogong/protocol/base/exact-json';

const COMMON = {
  ...{ bos_token: '<s>', eos_token: '</s>', add_generation_prompt: true, tools: null, documents: null },
};

const tool = (name: string, properties: object, others: object = {}) => ({
  type: 'function',
  function: {
    ...{ name, description: `Does what "${name}" says.\nOn two lines.` },
    parameters: { type: 'object', properties, ...others },
  },
});

const WEATHER = tool(
  'get_weather',
  {
    city: { type: 'string', description: 'The city, e.g. "Zürich" & Köln' },
    unit: { type: 'string', enum: ['celsius', 'fahrenheit'], default: 'celsius' },
  },
  { required: ['city'] },
);
/** Names of methods as keys, types as lists, unions, and numbers that JavaScript would change. */
const STRANGE = tool(
  'strange',
  {
    items: { type: 'array', items: { type: 'object', properties: { keys: { type: 'number' } } } },
    keys: { type: ['string', 'null'], enum: ['a', null, 1, 1.5, true] },
    values: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: 12_345_678_901_234_567_890n },
    get: { description: 'no type', minimum: 1e-7, maximum: 1e22, default: null },
    10: { const: 1 },
    2: { oneOf: [{ type: 'boolean', default: false }, { $ref: '#/x' }], nullable: true },
  },
  { required: [], additionalProperties: false, $defs: { x: { type: 'string' } } },
);
const BARE = { type: 'function', function: { name: 'now' } };
const EMPTY = tool('nothing', {});

const user = (content: unknown) => ({ role: 'user', content });
const system = (content: unknown) => ({ role: 'system', content });
const assistant = (content: unknown, others: object = {}) => ({ role: 'assistant', content, ...others });
const call = (id: string, name: string, given: unknown) => ({
  ...{ id, type: 'function', function: { name, arguments: given } },
});
const answer = (id: string, name: string, content: unknown) => ({ role: 'tool', tool_call_id: id, name, content });
const text = (words: string) => ({ type: 'text', text: words });

const ASKS = user('What is the weather in Zürich?');
const CALL = call('call00001', 'get_weather', { city: 'Zürich', unit: 'celsius' });
const OTHER_CALL = call('call00002', 'strange', {
  ...{ items: [{ keys: 9_007_199_254_740_993n }, {}], keys: null, values: 1e-7, get: true },
  10: { nested: { list: [1.5, 'é "quoted" <b>', '\n'] } },
});
const ANSWER = answer('call00001', 'get_weather', '{"degrees": -3.50, "sky": "klar ❄️"}');
const OTHER_ANSWER = answer('call00002', 'strange', 'done');
const WORDS = ' Ünïcödé 😀 \u200b\t"quotes" \'single\' \\ <|im_end|> {{ x }} & <b>\r\n日本語 ';

const chat = (messages: readonly object[], others: object = {}) => ({ ...COMMON, messages, ...others });

/** Fields of templates by what they show. */
const CONVERSATIONS: Readonly<Record<string, object>> = {
  plain: chat([user('Hello')]),
  system: chat([system('Be brief.'), user('Hello')]),
  'several turns': chat([system('Be brief.'), user('Hello'), assistant('Hi!'), user('How are you?')]),
  'ends with an answer': chat([user('Hello'), assistant('Hi! ')], { add_generation_prompt: false }),
  'only system': chat([system('Be brief.')]),
  'no messages': chat([]),
  'same role twice': chat([user('One'), user('Two'), assistant('Three'), assistant('Four')]),
  'system in the middle': chat([user('One'), assistant('Two'), system('Three'), user('Four')]),
  developer: chat([{ role: 'developer', content: 'Be brief.' }, user('Hello')]),
  'unknown role': chat([user('Hello'), { role: 'narrator', content: 'It rains.' }]),
  unicode: chat([system(WORDS), user(WORDS), assistant(WORDS), user(WORDS)]),
  'empty content': chat([system(''), user(''), assistant(''), user('Go on')]),
  'null content': chat([user('Hello'), assistant(null), user(null)]),
  'no content': chat([user('Hello'), { role: 'assistant' }, user('Go on')]),
  'text parts': chat([system([text('Be '), text('brief.')]), user([text('One'), text('Two')])]),
  pictures: chat([
    user([text('Compare '), { type: 'image' }, text(' with '), { type: 'image' }]),
    assistant([text('Equal.')]),
    user([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }, text('And this?')]),
  ]),
  'tools without a call': chat([system('Be brief.'), ASKS], { tools: [WEATHER] }),
  'tools without a system': chat([ASKS], { tools: [WEATHER, BARE, EMPTY] }),
  'strange tools': chat([ASKS], { tools: [STRANGE, WEATHER] }),
  'empty list of tools': chat([ASKS], { tools: [] }),
  'one call': chat([ASKS, assistant('', { tool_calls: [CALL] }), ANSWER], { tools: [WEATHER] }),
  'one call without content': chat([ASKS, assistant(null, { tool_calls: [CALL] }), ANSWER, assistant('Cold.')], {
    ...{ tools: [WEATHER], add_generation_prompt: false },
  }),
  'two calls': chat(
    [system('Be brief.'), ASKS, assistant('I look.', { tool_calls: [CALL, OTHER_CALL] }), ANSWER, OTHER_ANSWER],
    { tools: [WEATHER, STRANGE] },
  ),
  'calls one after another': chat(
    [
      ...[ASKS, assistant('', { tool_calls: [CALL] }), ANSWER],
      ...[assistant('', { tool_calls: [OTHER_CALL] }), OTHER_ANSWER, assistant('Cold.'), user('Thanks')],
    ],
    { tools: [WEATHER, STRANGE] },
  ),
  'arguments as a text': chat(
    [ASKS, assistant('', { tool_calls: [call('call00003', 'get_weather', '{"city": "Bern", "n": 1.0}')] }), ANSWER],
    { tools: [WEATHER] },
  ),
  'empty arguments': chat(
    [
      ...[ASKS, assistant('', { tool_calls: [call('call00004', 'now', {})] })],
      ...[answer('call00004', 'now', [text('12:00')]), assistant('Noon.', { tool_calls: [] }), user('Thanks')],
    ],
    { tools: [BARE] },
  ),
  'an answer as an object': chat(
    [ASKS, assistant('', { tool_calls: [CALL] }), answer('call00001', 'get_weather', { degrees: -3.5, sky: null })],
    { tools: [WEATHER] },
  ),
  'calls without tools': chat([ASKS, assistant('', { tool_calls: [CALL] }), ANSWER, user('Thanks')]),
  'reasoning of an answer': chat([
    ...[user('2 + 2?'), assistant('4', { reasoning_content: 'Two and two.\nFour.', reasoning: 'Two and two.' })],
    ...[user('3 + 3?')],
  ]),
  'thoughts of an answer': chat([user('2 + 2?'), assistant('4', { thinking: 'Two and two.' }), user('3 + 3?')]),
  'reasoning in the content': chat([user('2 + 2?'), assistant('<think>\nTwo.\n</think>\n\n4'), user('3 + 3?')]),
  'reasoning before a call': chat(
    [ASKS, assistant('', { reasoning_content: 'I must look.', tool_calls: [CALL] }), ANSWER],
    { tools: [WEATHER] },
  ),
  'thinking is wished': chat([user('2 + 2?')], {
    ...{ enable_thinking: true, thinking: true, reasoning_effort: 'high', thinking_budget: 512 },
  }),
  'thinking is not wished': chat([user('2 + 2?')], {
    enable_thinking: false,
    thinking: false,
    reasoning_effort: 'low',
  }),
  'fields that no chat has': {
    ...{ messages: [system('Be brief.'), user('Hello')], add_generation_prompt: true },
  },
  documents: chat([ASKS], {
    documents: [{ title: 'Winter', text: 'It snows.', doc_id: 1, content: { n: 18_446_744_073_709_551_617n } }],
  }),
};

/** Names of the conversations, with their fields as a text of JSON: JavaScript would change their long numbers. */
export const conversations: readonly (readonly [name: string, fields: string])[] = Object.entries(CONVERSATIONS).map(
  ([name, fields]) => [name, formatExactJson(fields)],
);
