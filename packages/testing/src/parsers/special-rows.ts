import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { ParserRow } from './parser-row.ts';
import { makeDraws } from './seeds.ts';
import { worstCertificates } from './worst-certificates.ts';
import { worstDer, worstGguf, worstManifests, worstTemplates } from './worst-files.ts';
import {
  worstBodies,
  worstBytes,
  worstGrammars,
  worstJson,
  worstJsonBytes,
  worstSchemas,
  worstTexts,
} from './worst-inputs.ts';

const CHAT = { model: 'm', messages: [{ role: 'user', content: 'x' }], stream: false };
const CHAT_FIELDS = [
  ...['model', 'messages', 'messages.[].content', 'messages.[].role', 'messages.[].tool_calls', 'tools', 'tool_choice'],
  ...['tools.[].function', 'tools.[].function.parameters', 'stop', 'logit_bias', 'response_format', 'ogong', 'seed'],
  ...['ogong.grammar', 'ogong.salt', 'ogong.model_root', 'provider', 'reasoning', 'metadata', 'user', 'max_tokens'],
  ...['chat_template_kwargs', 'structured_outputs', 'stream_options', 'prediction', 'usage', 'prompt_cache_key'],
];
const PICTURES = { image: ['x'], images: ['x'], messages: [{ content: [{ image_url: 'x' }], images: ['x'] }] };
const COMPLETION = { model: 'm', prompt: 'x' };
const COMPLETION_FIELDS = ['prompt', 'suffix', 'stop', 'logit_bias', 'ogong', 'echo', 'best_of', 'n'];

/** Bodies of a chat whose answer has to follow a schema or a grammar. */
function restrictedBodies(size: number): Uint8Array[] {
  const schemas = worstSchemas(size).flatMap((schema) => [
    { response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } },
    { tools: [{ type: 'function', function: { name: 'f', parameters: schema } }], tool_choice: 'required' },
  ]);
  const grammars = worstGrammars(size).map((grammar) => ({ ogong: { grammar } }));
  const choices = { guided_choice: Array.from({ length: Math.ceil(size / 8) }, (_, i) => `${i}`) };
  return [...schemas, ...grammars, choices].map((fields) => utf8Encode(JSON.stringify({ ...CHAT, ...fields })));
}

const EVIDENCE = { cpu: { kind: 'intel', quote: '00', collateral: {} }, gpu: { report: '00', chain: [] } };
const EVIDENCE_FIELDS = [
  ...['cpu', 'cpu.quote', 'cpu.collateral', 'cpu.chain', 'gpu', 'gpu.chain', 'gpu.report', 'gpu.rims', 'gpu.tokens'],
  ...['event_log', 'compose'],
];
const EVENTS = (size: number): string[] => {
  const count = Math.max(1, Math.floor(size / 80));
  const event = (i: number) => ({ imr: 3, event_type: 1, digest: '00', event: `e${i}`, event_payload: '' });
  return [JSON.stringify(Array.from({ length: count }, (_, i) => event(i))), ...worstJson(size)];
};

const inputsOfBytes = (size: number): Uint8Array[] => worstBytes([], size);

/** Headers of many tensors: in order, backwards, and all at one place. */
function worstTensors(size: number): Uint8Array[] {
  const count = Math.max(1, Math.floor(size / 70));
  const places = [(i: number) => i, (i: number) => count - i, () => 0];
  return places.map((place) => {
    const tensors = Array.from({ length: count }, (_, i) => [
      `t${i}`,
      { dtype: 'U8', shape: [1], data_offsets: [place(i), place(i) + 1] },
    ]);
    return utf8Encode(JSON.stringify(Object.fromEntries(tensors)));
  });
}

/** Heads of HTTP whose first line is right: long names and values, many lines, and lines of spaces. */
function worstRangeHeads(size: number): string[] {
  const lines = Array.from({ length: Math.ceil(size / 12) }, (_, i) => `x${i}: a`);
  const bodies = [...worstTexts(size), `x: ${' '.repeat(size)}y`, 'x'.repeat(size), lines.join('\r\n')];
  return bodies.map((body) => `HTTP/1.1 206 Partial Content\r\n${body}`);
}

/** Gives a parser a second argument. */
const withArguments =
  (file: string, name: string, ...rest: readonly unknown[]): NonNullable<ParserRow['prepare']> =>
  async (load) => {
    const parse = (await load(file))[name] as (...input: unknown[]) => unknown;
    return (input) => parse(input, ...rest);
  };

const row = (file: string, name: string, inputs: ParserRow['inputs'], ...rest: readonly unknown[]): ParserRow => ({
  ...{ file, name, inputs },
  ...(rest.length > 0 && { prepare: withArguments(file, name, ...rest) }),
});

/** A parser whose first argument is the crypto back end. */
const rowWithCrypto = (file: string, name: string, inputs: ParserRow['inputs']): ParserRow => ({
  ...row(file, name, inputs),
  async prepare(load) {
    const { [name]: parse } = await load(file);
    const { nodeCrypto } = (await load('host/src/crypto/node-crypto.ts')) as { nodeCrypto?: unknown };
    return (bytes) => parse?.(nodeCrypto as never, bytes as never);
  },
});

/** Parsers with arguments, with several steps, or with inputs of their own. */
export const SPECIAL_ROWS: readonly ParserRow[] = [
  row('hub/src/place.ts', 'parseHubSources', (size) => [
    ...worstTexts(size).flatMap((text) => [[text], [`hub:${text}`], [`hub+${text}`]]),
    Array.from({ length: Math.ceil(size / 24) }, (_, i) => `hub+https://a.example/${i}`).concat(
      `hub:${'ab'.repeat(32)}`,
    ),
  ]),
  {
    ...row('hub/src/transfer/direct/range-head.ts', 'parseRangeHead', worstRangeHeads, { from: 0, to: 10 }),
    // The reader ends longer ones.
    limit: 16_384,
  },
  row(
    'protocol/src/modality/text/request/request.ts',
    'parseRequest',
    (size) => worstBodies(CHAT, CHAT_FIELDS, size),
    'chat',
  ),
  row(
    'protocol/src/modality/text/request/request.ts',
    'parseRequest',
    (size) => worstBodies(COMPLETION, COMPLETION_FIELDS, size),
    'completion',
  ),
  row('protocol/src/modality/text/request/request.ts', 'parseRequest', restrictedBodies, 'chat'),
  row(
    'provider/src/local/openai-request.ts',
    'parseOpenAiRequest',
    (size) => worstBodies(CHAT, ['messages', 'stop', 'n', 'max_tokens'], size),
    'chat',
    20_000,
  ),
  row(
    'provider/src/local/openai-request.ts',
    'parseOpenAiRequest',
    (size) => worstBodies(COMPLETION, ['prompt', 'prompt.[]', 'echo'], size),
    'completion',
    20_000,
  ),
  row('protocol/src/modality/trajectory/request.ts', 'parsePictureRequest', (size) =>
    worstBodies({ model: 'm', prompt: 'x' }, ['prompt', 'negative_prompt', 'size', 'seed', 'latent', 'ogong'], size),
  ),
  row('protocol/src/modality/media/detach-media.ts', 'listMediaReferences', (size) =>
    worstBodies(PICTURES, ['image', 'image.[]', 'messages.[].content', 'messages.[].images', 'images'], size),
  ),
  row('protocol/src/modality/embedding/request.ts', 'parseEmbeddingRequest', (size) =>
    worstBodies({ model: 'm', input: 'x' }, ['input', 'input.[]', 'dimensions', 'encoding_format', 'ogong'], size),
  ),
  row('protocol/src/modality/embedding/split-inputs.ts', 'splitInputs', (size) =>
    worstBodies({ model: 'm', input: ['x'] }, ['input', 'input.[]', 'dimensions', 'ogong'], size),
  ),
  row('protocol/src/modality/tensor/request.ts', 'parseTensorRequest', (size) =>
    worstBodies(
      { model: 'm', inputs: { x: { dtype: 'string', shape: [1], data: ['a'] }, y: [[1]] }, outputs: ['z'] },
      ['inputs', 'inputs.x', 'inputs.x.shape', 'inputs.x.data', 'inputs.y', 'inputs.y.[]', 'outputs', 'ogong'],
      size,
    ),
  ),
  row('protocol/src/modality/embedding/rerank.ts', 'parseRerankRequest', (size) =>
    worstBodies(
      { model: 'm', query: 'x', documents: ['y'] },
      ['query', 'documents', 'documents.[]', 'top_n', 'ogong'],
      size,
    ),
  ),
  {
    ...row('protocol/src/modality/text/grammar/gbnf.ts', 'parseGrammar', worstGrammars),
    async prepare(load) {
      return (await load('protocol/src/modality/text/grammar/machine.ts')).compileGrammar as never;
    },
  },
  row(
    'protocol/src/modality/text/answer/answer-parser.ts',
    'parseAnswer',
    worstTexts,
    { calls: 'hermes', reasoning: 'marked', marks: 'think' },
    { tools: ['f'], isForced: false },
  ),
  row(
    'protocol/src/modality/text/answer/answer-parser.ts',
    'parseAnswer',
    worstTexts,
    { calls: 'pythonic', reasoning: 'opened', marks: 'think' },
    { tools: ['f'], isForced: false },
  ),
  row(
    'protocol/src/modality/text/answer/answer-parser.ts',
    'parseAnswer',
    worstTexts,
    { calls: 'harmony', reasoning: 'none', marks: 'think' },
    { tools: ['f'], isForced: false },
  ),
  {
    ...row('protocol/src/modality/text/commitment/window.ts', 'decodeDraws', 'bytes', { vocabularySize: 32_000 }),
    seeds: makeDraws,
  },
  row('protocol/src/modality/text/commitment/window.ts', 'decodeSketch', 'bytes', { directions: 16 }),
  row('protocol/src/modality/text/stage1/tail-draws.ts', 'parseTailDraws', 'bytes', 131_072),
  {
    ...row('protocol/src/modality/embedding/leaf.ts', 'parseEmbeddingLeaf', inputsOfBytes),
    async prepare(load) {
      const { parseEmbeddingLeaf } = await load('protocol/src/modality/embedding/leaf.ts');
      return (bytes) =>
        parseEmbeddingLeaf?.({ values: bytes, sketch: bytes } as never, { dimensions: 768, directions: 16 } as never);
    },
  },
  {
    ...row('attestation/src/certificates.ts', 'parseCertificate', (size) => [
      ...worstCertificates(size),
      ...worstDer(size),
      ...worstTexts(size),
    ]),
    // The parser refuses larger ones at once.
    limit: 16_384,
    async prepare(load) {
      const certificates = await load('attestation/src/certificates.ts');
      const call = certificates as unknown as Readonly<Record<string, (...input: readonly unknown[]) => unknown>>;
      return async (bytes) => {
        const one = call.parseCertificate?.(bytes, 'a chain') as { getThumbprint(hash: string): Promise<ArrayBuffer> };
        call.bearsName?.(one, 'a.example');
        const root = Buffer.from(await one.getThumbprint('SHA-256')).toString('hex');
        await call.findChainProblem?.([one, one], [root], Date.UTC(2030, 0));
      };
    },
  },
  { ...row('attestation/src/certificates.ts', 'parseChain', worstTexts, 'a chain'), limit: 8 * 16_384 },
  row('attestation/src/certificates.ts', 'parseCrl', worstDer, 'a list'),
  row('attestation/src/evidence-file.ts', 'parseEvidence', (size) => worstBodies(EVIDENCE, EVIDENCE_FIELDS, size)),
  row('attestation/src/evidence-file.ts', 'parseGpuEvidence', (size) =>
    worstBodies(EVIDENCE.gpu, ['report', 'chain', 'chain.[]', 'rims', 'rims.[]', 'tokens', 'measured'], size),
  ),
  {
    ...row('attestation/src/nvidia-rim.ts', 'parseRim', worstManifests),
    async prepare(load) {
      const { parseRim, findRimProblem } = await load('attestation/src/nvidia-rim.ts');
      return (text) => findRimProblem?.(parseRim?.(text) as never, { roots: [], nowMs: 0 } as never);
    },
  },
  row('attestation/src/event-log.ts', 'parseEventLog', EVENTS),
  row(
    'gateway/src/books/payment-wire.ts',
    'parsePayment',
    (size) => worstJson(size).map((text) => Buffer.from(text).toString('base64')),
    { chainId: 1, token: '0x' },
  ),
  rowWithCrypto('hub/src/signed-manifest.ts', 'parseSignedManifest', 'bytes'),
  rowWithCrypto('hub/src/evaluation/evaluation-set.ts', 'parseEvaluationSet', worstJsonBytes),
  rowWithCrypto('hub/src/evaluation/evaluation-lines.ts', 'parseEvaluationHeader', worstJsonBytes),
  rowWithCrypto('protocol/src/verdict/agent/agent-chain.ts', 'parseAgentChain', worstJsonBytes),
  {
    ...row('hub/src/blocks.ts', 'parseBlockList', inputsOfBytes),
    async prepare(load) {
      const { parseBlockList } = await load('hub/src/blocks.ts');
      return (bytes: Uint8Array) =>
        parseBlockList?.(
          bytes as never,
          { sizeBytes: Math.floor(bytes.length / 32) * 2 ** 20, blockRoot: new Uint8Array(32) } as never,
        );
    },
  },
  row(
    'models/src/safetensors/header.ts',
    'parseSafetensorsHeader',
    (size) => [...worstJsonBytes(size), ...worstTensors(size)],
    4,
  ),
  row('models/src/catalogue.ts', 'parseCatalogue', (size) => worstJson(size), 'https://example.com'),
  {
    ...row('host/src/http/body.ts', 'parseJsonBody', worstJsonBytes),
    async prepare(load) {
      const { parseJsonBody } = await load('host/src/http/body.ts');
      return (bytes) => parseJsonBody?.(bytes, { safeParse: (data: unknown) => ({ success: true, data }) } as never);
    },
  },
  {
    ...row('host/src/drift-table/table-file.ts', 'parseTableFile', worstJson),
    async prepare(load) {
      const { parseTableFile } = await load('host/src/drift-table/table-file.ts');
      const { nodeCrypto } = (await load('host/src/crypto/node-crypto.ts')) as { nodeCrypto?: unknown };
      return (text) => parseTableFile?.(nodeCrypto as never, text);
    },
  },
  {
    ...row('protocol/src/base/exact-json.ts', 'parseExactJson', worstJson),
    async prepare(load) {
      const { parseExactJson } = await load('protocol/src/base/exact-json.ts');
      return (text) => parseExactJson?.(text as never);
    },
  },
  {
    ...row('engine/src/decode/text/chat-template.ts', 'createChatTemplate', worstTemplates),
    limit: 256 * 1_024,
    async prepare(load) {
      const { createChatTemplate } = await load('engine/src/decode/text/chat-template.ts');
      const literal = { quote: (text: string) => text, quoteAll: (value: unknown) => value };
      const messages = [{ role: 'user', content: 'x'.repeat(1_000) }];
      return (source) => {
        const template = createChatTemplate?.(source, { bosToken: '', eosToken: '', literal } as never);
        return (template as { render(input: object): string }).render({ messages });
      };
    },
  },
  {
    ...row('models/src/gguf/read.ts', 'readGgufHeader', worstGguf),
    async prepare(load) {
      const { readGgufHeader } = await load('models/src/gguf/read.ts');
      const folder = mkdtempSync(join(tmpdir(), 'ogong-worst-'));
      process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, 'worst.gguf');
      return (bytes) => {
        writeFileSync(path, bytes);
        return readGgufHeader?.(path as never);
      };
    },
  },
];
