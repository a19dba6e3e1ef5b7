import { fromBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import { formatPath, GATEWAY_ROUTES, type Route } from '@ogong/protocol/http/routes';
import { toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { WITHOUT_NETWORK } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { isLocalReceipt, parseAnyReceipt, verifyLocalReceipt } from '@ogong/sdk';
import { z } from 'zod';
import type { StoredEvidence } from '../memory.ts';
import { MemoryError } from '../memory-error.ts';
import { toChatParams, toEvidence } from './ask-fields.ts';
import type { MemoryModels } from './memory-models.ts';
import { readAnswerText, readSignedVectors } from './read-evidence.ts';

export interface LocalModelOptions extends Pick<MemoryModels, 'names'> {
  /** Of local mode, such as `http://127.0.0.1:11434`. */
  readonly baseUrl: string;
}

const ANSWER = z.object({
  ogong: z.object({ receipts: z.array(z.object({ reply_id: z.string().regex(/^[0-9a-f]{1,64}$/) })).length(1) }),
});
const FILE = z.object({ request: z.base64(), response: z.base64() });

/**
 * The models of local mode. Its receipts are unsigned: they show that request and answer belong together
 * (docs/spec/local-receipt.md).
 */
export function createLocalModels({ baseUrl, names }: LocalModelOptions): MemoryModels {
  const ask = ({ path }: Pick<Route, 'path'>, body: AskedBody, signal: AbortSignal) =>
    askLocally({ baseUrl, path, body, signal });
  const model = names.rerank;
  return {
    names,
    async chat(asked, signal) {
      const evidence = await ask(GATEWAY_ROUTES.chat, toChatParams(names.chat, asked), signal);
      return { value: readAnswerText(evidence), evidence };
    },
    async embed(texts, signal) {
      const evidence = await ask(GATEWAY_ROUTES.embedding, { model: names.embedding, input: texts }, signal);
      return { value: readSignedVectors(evidence, texts.length), evidence };
    },
    ...(model !== undefined && {
      async rerank(query: string, documents: readonly string[], signal: AbortSignal) {
        const evidence = await ask(GATEWAY_ROUTES.rerank, { model, query, documents }, signal);
        return { value: readSignedVectors(evidence, documents.length).map(([score]) => score as number), evidence };
      },
    }),
  };
}

interface AskedBody {
  readonly model: string;
  readonly [field: string]: unknown;
}

/** Fields that decide the answer: those of the receipt must be the sent ones. */
const DECIDING = ['model', 'messages', 'response_format', 'temperature', 'input', 'query', 'documents'] as const;

async function askLocally({
  baseUrl,
  path,
  body,
  signal,
}: {
  readonly baseUrl: string;
  readonly path: string;
  readonly body: AskedBody;
  readonly signal: AbortSignal;
}): Promise<StoredEvidence> {
  const answer = await fetchJson(new URL(path, baseUrl), {
    ...{ method: 'POST', signal, body: JSON.stringify(body) },
    headers: { 'content-type': 'application/json' },
  });
  const { data } = ANSWER.safeParse(answer);
  const id = data?.ogong.receipts[0]?.reply_id;
  if (id === undefined) throw new MemoryError('model', `${baseUrl} gave an answer without a receipt`);
  const file = await fetchJson(new URL(formatPath(GATEWAY_ROUTES.receipt, { id }), baseUrl), { signal });
  return readReceiptFile(file, body);
}

/** The receipt's checks read the request as one of its endpoint, so the endpoint is that of the body. */
function readReceiptFile(file: unknown, body: AskedBody): StoredEvidence {
  const { data } = FILE.safeParse(file);
  const receipt = parseAnyReceipt(JSON.stringify(file));
  if (data === undefined || !isLocalReceipt(receipt))
    throw new MemoryError('model', 'local mode gave no receipt of its own');
  const [request, response] = [fromBase64(data.request), fromBase64(data.response)];
  const verdict = verifyLocalReceipt(receipt, { request, response, allow: [WITHOUT_NETWORK, 'times'] });
  const failed = verdict.checks.find(({ status }) => status === 'fail');
  if (!verdict.ok) throw new MemoryError('model', `receipt: ${failed?.id ?? verdict.missing.join()}`);
  if (!isSameRequest(request, body)) throw new MemoryError('model', 'the receipt is about another request');
  const json = utf8Encode(JSON.stringify(toLocalReceiptJson(receipt)));
  return toEvidence({ endpoint: receipt.endpoint, model: body.model, receipt: json, request, response });
}

function isSameRequest(request: Uint8Array, body: Readonly<Record<string, unknown>>): boolean {
  const read = JSON.parse(new TextDecoder().decode(request)) as Record<string, unknown>;
  return DECIDING.every((field) => JSON.stringify(read[field]) === JSON.stringify(body[field]));
}

const REFUSAL = z.object({ error: z.object({ message: z.string() }) });
const MAX_REASON = 300;

async function fetchJson(url: URL, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, { redirect: 'error', ...init });
  if (response.ok) return response.json();
  const { data } = REFUSAL.safeParse(await response.json().catch(() => undefined));
  const reason = data === undefined ? '' : `: ${data.error.message.slice(0, MAX_REASON)}`;
  throw new MemoryError('model', `${url.origin}${url.pathname} answered with status ${response.status}${reason}`);
}
