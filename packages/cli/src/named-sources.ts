import { parseTestimony, type TestimonyReader, verifyTestimony } from '@ogong/attestation/testimony';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, fail, pass } from '@ogong/protocol/base/checks';
import { parseJson } from '@ogong/protocol/base/json';
import { parseSources } from '@ogong/protocol/modality/shared/request-fields';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';

type Reader = Omit<TestimonyReader, 'crypto' | 'challenge'>;

/** Adds a check that the prompt contains a source's answer, by testimonies. @throws EvidenceError if a file is no testimony */
export async function addSources(
  verdict: ReceiptVerdict,
  { request, testimonies }: { readonly request: Uint8Array; readonly testimonies: readonly Uint8Array[] },
  reader: Reader,
): Promise<ReceiptVerdict> {
  const sources = await Promise.all(testimonies.map((file) => checkSource(request, file, reader)));
  const ok = verdict.ok && sources.every(({ status }) => status === 'pass');
  return { ...verdict, ok, checks: [...verdict.checks, ...sources] };
}

async function checkSource(request: Uint8Array, file: Uint8Array, reader: Reader): Promise<Check> {
  const id = 'source';
  const testimony = parseTestimony(file);
  const { checks, exchange } = await verifyTestimony(testimony, { ...reader, crypto });
  // Request and time are in the testimony; this check compares the answer with the prompt.
  const wrong = checks.find(
    ({ id: name, status }) => status === 'fail' || (status === 'skip' && ['authority', 'response'].includes(name)),
  );
  if (exchange === undefined || wrong !== undefined)
    return fail(id, `the testimony does not hold: ${wrong?.id ?? 'form'}: ${wrong?.detail ?? 'it cannot be read'}`);
  const { url, status, responseHash, timeMs } = exchange;
  if (status !== 200) return fail(id, `${url} answered with status ${status}`);
  const { ogong, messages } = parseJson(request) as { ogong?: { sources?: unknown }; messages?: unknown };
  const named = parseSources(ogong?.sources).some((each) => each.url === url && equalBytes(each.hash, responseHash));
  if (!named) return fail(id, `the request does not name ${url} with what it answered`);
  const contents = (Array.isArray(messages) ? messages : []).map((each: { content?: unknown } | null) => each?.content);
  const isThere = contents.some(
    (content) => typeof content === 'string' && equalBytes(crypto.sha256(utf8Encode(content)), responseHash),
  );
  return isThere
    ? pass(id, `a message is the answer of ${url} at ${new Date(timeMs).toISOString()}, as a machine confirms`)
    : fail(id, `no message is an answer of ${url}`);
}
