import { fromHex, ProtocolError, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { formatExactJson } from '@ogong/protocol/base/exact-json';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { findWrongShape } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { type DrawRow, type Draws, decodeDraws, encodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';

/**
 * Vectors of edge cases in which a second implementation may easily differ: `vectors/window.json`, `vectors/request.json`,
 * `vectors/shape-classes.json`.
 */
export function createEdgeVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  return { window: windowVectors(), request: requestVectors(crypto), 'shape-classes': shapeVectors() };
}

/** Replies around the end of a band of 256 positions. The row of output position i is at promptTokenCount - 1 + i. */
function shapeVectors(): unknown {
  const shaped = 'llama.cpp-0.5.0/vulkan/device-driver/shaped/q8_0/kv-f16/no-fa';
  const exact = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  const replies: [string, string, number, string][] = [
    ['no shape class where the class knows none', exact, 9, '000000'],
    ['one that it does not know', exact, 9, '000200'],
    ['none where there are some', shaped, 9, '000000'],
    ['all three', shaped, 9, '010203020103'],
    ['a fourth', shaped, 9, '030304'],
    ['narrow up to the last 16 of a band', shaped, 239, '010102'],
    ['narrow into them', shaped, 240, '010102'],
    ['wide to the end, narrow behind it', shaped, 255, '020201'],
    ['narrow at the very end', shaped, 255, '020101'],
    ['single through it', shaped, 239, '03'.repeat(20)],
    ['wide at the first of the last 16, behind a single one', shaped, 240, '0302'],
    ['wide at the second, behind a single one', shaped, 241, '0302'],
    ['single behind a wide one', shaped, 241, '0203'],
    ['wide in the next band, behind a single one', shaped, 256, '0302'],
    ['wide in the first position of a reply', shaped, 250, '0202'],
  ];
  return replies.map(([what, numericClass, promptTokenCount, shapeClasses]) => ({
    ...{ what, numericClass, promptTokenCount, shapeClasses },
    wrong: findWrongShape({ numericClass, promptTokenCount }, fromHex(shapeClasses)),
  }));
}

/** Windows at the limits of the format, and encodings that a decoder refuses. */
function windowVectors(): unknown {
  const row = (ids: number[], q: number[], rank: number, tail = 0): DrawRow => ({
    ids: Uint32Array.from(ids),
    q: Uint32Array.from(q),
    rank,
    tail,
    ...(rank < 0 && { tailId: 0, tailQ: 2 ** 24 - 1 }),
  });
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
  const draws = (rows: DrawRow[], runs: [number, number][] = [[rows.length, 0]]): Draws => ({
    rows,
    runs: runs.map(([length, shapeClass]) => ({ length, shapeClass })),
  });
  const small = row(range(20), range(20), 3, 7);
  const windows: [string, number, Draws][] = [
    [
      'two shape runs',
      512,
      draws(
        [small, small, row(range(2), [5, 5], 1)],
        [
          [2, 0],
          [1, 255],
        ],
      ),
    ],
    ['an escaped difference, up and down', 512, draws([small, row([9, 8, 7], [0, 2 ** 24 - 1, 0], 0)])],
    ['an unlisted token', 512, draws([row(range(20), range(20), -1, 2 ** 24 - 1)])],
    [
      'a repetition penalty, an unlisted token',
      512,
      draws([
        { ...small, repeated: { logSum: -(2 ** 26), marks: Uint8Array.from(small.ids, (id) => id % 2) } },
        {
          ...row(range(20), range(20), -1, 2 ** 24 - 1),
          repeated: { logSum: 2 ** 26 - 1, marks: Uint8Array.from({ length: 21 }, (_, rank) => (rank === 20 ? 1 : 0)) },
        },
      ]),
    ],
    ['the smallest vocabulary, one candidate, no differences', 2, draws([row([1], [70], 0)])],
    [
      'the largest vocabulary and list',
      2 ** 24,
      draws([
        row(
          range(64).map((i) => 2 ** 24 - i),
          range(64).map((i) => i * i * 9),
          63,
        ),
      ]),
    ],
  ];
  const plain = encodeDraws(draws([small]), { vocabularySize: 512 });
  const edit = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = plain.slice();
    change(bytes);
    return bytes;
  };
  const refused: [string, number, Uint8Array][] = [
    ['version 2 without marks', 512, edit((bytes) => bytes.fill(2, 0, 1))],
    ['version 3', 512, edit((bytes) => bytes.fill(3, 0, 1))],
    ['no position', 512, edit((bytes) => bytes.fill(0, 1, 2))],
    ['runs that cover less', 512, edit((bytes) => bytes.fill(2, 1, 2))],
    ['a padding bit', 512, edit((bytes) => bytes.fill((bytes.at(-1) as number) | 1, -1))],
    ['a trailing byte', 512, Uint8Array.of(...plain, 0)],
    ['truncated', 512, plain.slice(0, -1)],
    ['an id beyond the vocabulary', 20, encodeDraws(draws([small]), { vocabularySize: 20 })],
    ['an id listed twice', 512, encodeDraws(draws([row([4, 4], [1, 2], 0)]), { vocabularySize: 512 })],
    ['an unlisted token that is listed', 512, encodeDraws(draws([row([0, 4], [1, 2], -1)]), { vocabularySize: 512 })],
    // 1 position, 1 run, Rice parameter 1 although the only difference is 0: n - 1, rank, tail, ids 1 and 2, q 0, code 00.
    ['another Rice parameter', 512, fromHex('0101010100010400000000040400000000')],
  ];
  return {
    windows: windows.map(([name, vocabularySize, window]) => ({
      name,
      vocabularySize,
      draws: toHex(encodeDraws(window, { vocabularySize })),
      runs: window.runs,
      rows: window.rows.map((r) => ({
        ...{ ...r, ids: Array.from(r.ids), q: Array.from(r.q) },
        ...(r.repeated && { repeated: { ...r.repeated, marks: Array.from(r.repeated.marks) } }),
      })),
    })),
    refused: refused.map(([name, vocabularySize, bytes]) => {
      if (isDecodable(bytes, vocabularySize)) throw new Error(`${name} is not refused`);
      return { name, vocabularySize, draws: toHex(bytes) };
    }),
  };
}

function isDecodable(bytes: Uint8Array, vocabularySize: number): boolean {
  try {
    decodeDraws(bytes, { vocabularySize });
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return false;
  }
}

/** The request fields in a header, or the parameter for which the request is refused. */
function requestVectors(crypto: Crypto): unknown {
  const chat = '"model":"ogong/verified/test/m","messages":[{"role":"user","content":"hi"}]';
  const bodies: string[] = [
    '',
    '"temperature":0.7,"top_p":0.9,"min_p":0.05,"top_k":40',
    '"temperature":1.0,"n":2.0,"max_tokens":1e2',
    // Halves round away from zero. So does the largest double below a half, because the sum rounds up.
    '"presence_penalty":-0.00000762939453125,"frequency_penalty":0.00000762939453125',
    '"temperature":7.62939453124999915e-6,"top_p":1e-300,"min_p":2.98023223876953125e-8',
    '"presence_penalty":-2,"frequency_penalty":-0.0',
    '"logit_bias":{"50":-3.3,"7":2,"16777215":100}',
    '"temperature":0.1,"temperature":0.2,"top_p":null',
    '"seed":-9007199254740991,"max_tokens":5,"max_completion_tokens":6',
    '"stop":["a\\n","\\ud83d\\ude00"],"tools":[],"user":"u"',
    '"temperature":2.0000001',
    '"temperature":"1"',
    '"top_p":1.1',
    '"top_k":0.5',
    '"seed":9007199254740992',
    '"max_tokens":131073',
    '"max_tokens":9007199254740991',
    '"max_tokens":9007199254740992',
    '"logit_bias":{"07":1}',
    '"logit_bias":{"16777216":1}',
    '"n":9',
    // No table names it: it changes no summary but the hash of the body.
    '"unknown":1',
    ...['"mirostat":2', '"mirostat":0', '"top_n_sigma":-1', '"regex":"a"', '"json_schema":{}', '"bad_words":["a"]'],
    ...[
      '"web_search_options":{}',
      '"n_predict":4',
      '"n_predict":-1',
      '"max_new_tokens":4',
      '"moderation":{"model":"m"}',
    ],
    ...['"system":"x"', '"system":""', '"input":[]', '"output_config":{}', '"thread":{"type":"create"}'],
    ...['{"x":1}', '{"regex":"a"}'].map((given) => `"structured_outputs":${given}`),
    '"response_format":{"type":"text","schema":{}}',
    `"tools":[${TOOL},{"type":"custom","custom":{"name":"g"}}]`,
    '"tools":[{"type":"web_search"}]',
    '"tools":[{"type":"web_search"}],"tool_choice":"required"',
    `"tools":[{"x":1,${TOOL.slice(1)}]`,
    `"tools":[${TOOL}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"mcp"}]}}`,
    `"tools":[${TOOL}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"mcp"}]}}`,
    '"prompt":"x"',
    '"tools":[{}]',
    `"tools":[${TOOL}]`,
    `"tools":[${TOOL}],"tool_choice":"none"`,
    `"tools":[${TOOL}],"tool_choice":"required"`,
    `"tools":[${TOOL}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":true`,
    `"tools":[${TOOL}],"tool_choice":"auto","parallel_tool_calls":false`,
    `"tools":[${TOOL},${TOOL}]`,
    // Numbers count as a template writes them.
    ...['2.0', '1e-7', '-0', '12345678901234567890', '100000000000000000000000000', '9'.repeat(4_301)].map(
      (number) => `"tools":[${TOOL.replace('{"a"', `{"10":{},"2":{"const":${number}},"a"`)}]`,
    ),
    `"tools":[${TOOL}],"tool_choice":{"type":"function","function":{"name":"g"}}`,
    `"tools":[${TOOL}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`,
    `"tools":[${TOOL}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}`,
    `"tools":[${TOOL}],"response_format":{"type":"json_object"}`,
    `"tools":[${TOOL}],"response_format":{"type":"json_object"},"parallel_tool_calls":false`,
    `"tools":[${TOOL}],"response_format":{"type":"json_object"},"tool_choice":"required"`,
    `"tools":[${TOOL}],"response_format":{"type":"json_object"},"tool_choice":"none"`,
    `"tools":[${TOOL}],"guided_choice":["<tool_call>"]`,
    '"stop":[""]',
    '"tools":[],"functions":[],"echo":false,"response_format":{"type":"text"},"modalities":["text"]',
    ...['tool_choice', 'function_call', 'audio', 'best_of', 'suffix', 'echo'].map((key) => `"${key}":[]`),
    '"tool_choice":"none","function_call":"auto","best_of":1,"suffix":"","repetition_penalty":1,"chat_template_kwargs":{}',
    '"top_k":-1,"reasoning_effort":"low","verbosity":"low","models":["a"],"usage":{"include":true}',
    '"provider":{"order":["a"],"allow_fallbacks":true,"data_collection":"allow","zdr":false}',
    ...['{"data_collection":"deny"}', '{"only":["a"]}', '{"x":1}', '[]'].map((provider) => `"provider":${provider}`),
    '"usage":{"x":1}',
    '"usage":{"include":1}',
    '"top_k":-2',
    '"repetition_penalty":1.1',
    '"repeat_penalty":1.1',
    '"repeat_penalty":0.9,"repeat_last_n":-1',
    '"repetition_penalty":2,"repeat_last_n":200',
    '"repetition_penalty":1.3,"repeat_penalty":1.0,"repeat_last_n":0',
    ...['0', '0.009', '2.1', '"1.1"'].map((penalty) => `"repetition_penalty":${penalty}`),
    '"repeat_penalty":2.5',
    '"repetition_penalty":1.2,"repeat_penalty":1.1',
    ...['-2', '1.5', '16777217'].map((last) => `"repeat_last_n":${last}`),
    ...['"none"', '"minimal"', '"medium"', '"max"', '"huge"', '1'].map((effort) => `"reasoning_effort":${effort}`),
    ...['{"enable_thinking":false}', '{"thinking":true,"reasoning_effort":"high"}', '{"x":1}', '{"thinking":1}'].map(
      (given) => `"chat_template_kwargs":${given}`,
    ),
    ...['{"effort":"low","exclude":true}', '{"enabled":true,"max_tokens":9}', '[]'].map(
      (given) => `"reasoning":${given}`,
    ),
    ...['{"type":"enabled","budget_tokens":9}', '{"type":"adaptive"}', '{"type":"x"}'].map(
      (given) => `"thinking":${given}`,
    ),
    '"enable_thinking":true,"reasoning_effort":"low"',
    '"enable_thinking":true,"reasoning_effort":"none"',
    '"reasoning":{"effort":"low"},"reasoning_effort":"high"',
    '"min_tokens":1',
    '"response_format":{"type":"text","x":1}',
    '"stream_options":{"include_usage":true}',
    '"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}',
    '"stream":true,"stream_options":{"x":1}',
    '"model":"\\ud83d"',
    '"prompt_cache_key":"\\udc00"',
    `"ogong":{"exact":true,"model_root":"${'0a'.repeat(32)}"}`,
    '"ogong":{"exact":null}',
    '"ogong":{"settle":"accepted"}',
    '"ogong":{"settle":"any"}',
    '"ogong":{"settle":"never"}',
    '"ogong":{"settle":true}',
    `"ogong":{"salt":"${'0a'.repeat(16)}"}`,
    `"ogong":{"salt":"${'0a'.repeat(32)}","settle":"accepted"}`,
    `"ogong":{"salt":"${'0a'.repeat(15)}"}`,
    `"ogong":{"salt":"${'0a'.repeat(33)}"}`,
    `"ogong":{"salt":"${'0A'.repeat(16)}"}`,
    '"ogong":{"salt":7}',
    `"ogong":{"sources":[{"url":"https://example.org/a","sha256":"${'0a'.repeat(32)}"}]}`,
    '"ogong":{"sources":[]}',
    `"ogong":{"sources":[{"url":"http://example.org/a","sha256":"${'0a'.repeat(32)}"}]}`,
    `"ogong":{"sources":[{"url":"https://example.org/a","sha256":"${'0A'.repeat(32)}"}]}`,
    `"ogong":{"sources":[{"url":"https://example.org/a b","sha256":"${'0a'.repeat(32)}"}]}`,
    '"ogong":{"sources":[{"url":"https://example.org/a"}]}',
    '"ogong":{"sources":[null]}',
    '"ogong":{"sources":{}}',
    '"ogong":true',
    '"ogong":{"exact":1}',
    '"ogong":{"model_root":"0A"}',
    '"ogong":{"x":1}',
    ...PREFERENCES.map((preference) => `"ogong":{${preference}}`),
    ...['floor', 'nitro', 'balanced', 'q4_0', ''].map((suffix) => `"model":"ogong/verified/test/m:${suffix}"`),
    '"model":"qwen:floor"',
    '"model":"ogong/verified/test/m:cheapest","ogong":{"sort":"price","tier":"verified"}',
    '"model":"ogong/verified/test/m:cheapest","ogong":{"sort":"latency"}',
    '"model":"qwen","ogong":{"tier":"verified"}',
    `"metadata":${nest(63)}`,
    `"metadata":${nest(64)}`,
  ].map((extra) => `{${chat}${extra === '' ? '' : `,${extra}`}}`);
  const messages = [
    '{"role":"assistant","content":"x","refusal":null,"annotations":[],"tool_calls":null,"function_call":null,"audio":null}',
    '{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"n","tool_calls":[]}',
    '{"role":"user","content":""}',
    '{"role":"user","content":[]}',
    '{"role":"user","content":null}',
    '{"role":"user","content":"\\ud83d"}',
    '{"role":"user","content":[{"type":"text","text":"a","x":1}]}',
    '{"role":"user","content":"x","tool_calls":[{}]}',
    '{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\\"a\\":[1]}"}}]}',
    '{"role":"assistant","reasoning_content":"Hm.","content":"x"}',
    '{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"no JSON"}}]}',
    '{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\\"a\\":\\"\\\\ud83d\\"}"}}]}',
    '{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}',
    '{"role":"tool","tool_call_id":"a","content":"x"}',
    '{"role":"user","content":"x","tool_call_id":"a"}',
    '{"role":"tool","content":"x"}',
    '{"role":"user","content":"x","x":1}',
    '{"role":"user","content":"x","reasoning_content":"y"}',
    '{"role":"assistant","content":"x","prefix":true}',
  ].map((message) => `{"model":"m","messages":[${message}]}`);
  const completions = [
    '"prompt":"once"',
    '"prompt":["once"],"logprobs":5,"echo":false,"max_tokens":7',
    '"prompt":""',
    '"prompt":["a","b"]',
    ...['[1]', '[[1,2]]', '[]', '[-1]', '[16777216]', '[1,"a"]', '[[1],[2]]'].map((prompt) => `"prompt":${prompt}`),
    '"prompt":"a","suffix":"bc","echo":true',
    '"prompt":[1],"suffix":"b"',
    '"prompt":"a","suffix":1',
    '"prompt":"a","echo":1',
    '"prompt":null',
    '"prompt":"x","logprobs":6',
    ...['"response_format":{"type":"text"}', '"modalities":["text"]', '"modalities":["audio"]'].map(
      (ofChats) => `"prompt":"x",${ofChats}`,
    ),
    '"prompt":"x","max_tokens":5,"max_completion_tokens":1',
    '"prompt":"x","messages":[{"role":"user","content":"x"}]',
  ].map((fields) => `{"model":"m",${fields}}`);
  return [
    ...[...bodies, '[]', '', '\ufeff{}', '{', nest(65)].map((body) => requestVector(crypto, body, 'chat')),
    ...messages.map((body) => requestVector(crypto, body, 'chat')),
    ...completions.map((body) => requestVector(crypto, body, 'completion')),
  ];
}

const ID = '0b'.repeat(32);
/** The demands of a request on its provider. */
const PREFERENCES = [
  ...['"latency"', '"none"', '1'].map((sort) => `"sort":${sort}`),
  ...['0', '12', '1e2', '1.5', '-1', '9007199254740992', '"9007199254740992"', '"01"', '"x"', 'true', '""'].map(
    (price) => `"max_price":${price}`,
  ),
  ...['"verified"', '"replay"', '"proof"', '"x"', '1'].map((tier) => `"tier":${tier}`),
  ...['["router"]', '["validator","router"]', '[]', '["provider"]', '"router"', '["router","router","router"]'].map(
    (roles) => `"attested":${roles}`,
  ),
  ...['0', '7', '"18446744073709551615"', '"18446744073709551616"', '1.5', '-1', 'true', '"x"', 'null'].map(
    (price) => `"standby":${price}`,
  ),
  '"standby":7,"settle":"accepted"',
  ...['true', 'false', 'null', '1', '"true"'].map((hedge) => `"hedge":${hedge}`),
  ...['0', '12', '"18446744073709551616"', '-1'].map((stake) => `"min_stake":${stake}`),
  ...['1', '2', '2.0', '0', '3', '"2"', 'true', 'null', '[2]'].map((suite) => `"seal_suite":${suite}`),
  ...['["replay","verified"]', '["replay"]', '["tee"]', '[]', '"verified"'].map((accept) => `"accept":${accept}`),
  '"tier":"replay","accept":["verified"]',
  ...['{}', '[]', '{"x":1}', '{"region":"eu"}', '{"region":null}'].map((providers) => `"providers":${providers}`),
  ...[`["${ID}"]`, '[]', '["x"]', '[1]', '"x"', `[${Array(17).fill(`"${ID}"`).join(',')}]`].flatMap((ids) =>
    ['only', 'ignore'].map((key) => `"providers":{"${key}":${ids}}`),
  ),
];

const TOOL =
  '{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"]}}}';
const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

function toVectorPrompt(prompt: InferenceRequest['prompt']): object {
  if (prompt?.kind === 'fill') return { prompt: prompt.prefix, suffix: prompt.suffix };
  return { prompt: prompt?.kind === 'tokens' ? [...prompt.tokens] : prompt?.text };
}

function requestVector(crypto: Crypto, body: string, endpoint: Endpoint): unknown {
  try {
    const request = parseRequest(utf8Encode(body), endpoint);
    const { sampler, bias, maxTokens, choices, seed, stop } = request;
    const thought = request.thinkingParams.length === 0 ? {} : { thinking: request.thinking };
    const offered =
      request.tools.length === 0 ? {} : { tools: request.tools.map(toPlainTool), forced: request.terms.isForced };
    const texts =
      endpoint === 'chat' ? { messages: request.messages, ...offered, ...thought } : toVectorPrompt(request.prompt);
    const { exact, modelRoot, acceptedOnly, standbyPer1kAtomic: price } = request.demands;
    const standby = price !== undefined && { standby: price.toString() };
    const said = { exact, modelRoot: modelRoot ? toHex(modelRoot) : null, acceptedOnly, ...standby };
    const demands = exact || modelRoot || acceptedOnly || standby ? { demands: said } : {};
    const fields = { sampler, bias, maxTokens, choices, seed: seed?.toString() ?? null, stop };
    const summary = toHex(summarizeRequest(crypto, endpoint, utf8Encode(body)));
    const hash = toHex(hashRequest(crypto, endpoint, utf8Encode(body)));
    return { endpoint, body, ...fields, ...texts, ...demands, summary, hash };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { endpoint, body, refused: error.param };
  }
}

const toPlainTool = ({ parameters, ...named }: WrittenTool): object => ({
  ...named,
  parameters: JSON.parse(formatExactJson(parameters)) as unknown,
});
