import { equalBytes, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, fail, pass } from '@ogong/protocol/base/checks';
import { digest } from './byte-reader.ts';
import { verifyEcdsa } from './certificates.ts';
import { findEvent, type LoggedEvent } from './event-log.ts';
import { EvidenceError } from './evidence-error.ts';

const ISSUER = 'https://nras.attestation.nvidia.com';
const MAX_TOKEN_BYTES = 65_536;
const MAX_GPUS = 16;

type Fields = Readonly<Record<string, unknown>>;

/** Answer of NVIDIA's remote service about the GPUs of a machine, in its own form: `[["JWT", platform], { "GPU-0": JWT, ... }]`. */
export interface GpuTokens {
  readonly platform: string;
  readonly gpus: ReadonlyMap<string, string>;
}

/** @throws EvidenceError */
export function parseGpuTokens(value: unknown): GpuTokens {
  const [first, second] = Array.isArray(value) ? (value as unknown[]) : [];
  const platform: unknown = Array.isArray(first) && first[0] === 'JWT' ? first[1] : undefined;
  if (typeof platform !== 'string' || typeof second !== 'object' || second === null)
    throw new EvidenceError('tokens are a list of a JWT and an object of them');
  const gpus = Object.entries(second);
  if (gpus.length === 0 || gpus.length > MAX_GPUS || !gpus.every(([, token]) => typeof token === 'string'))
    throw new EvidenceError(`tokens of 1 to ${MAX_GPUS} GPUs are expected`);
  return { platform, gpus: new Map(gpus as [string, string][]) };
}

export interface TokenContext {
  /** Keys of the service, by their names: x || y of P-384 in hex. The reader names them; they change every few months. */
  readonly keys: Readonly<Record<string, string>>;
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  readonly nowMs: number;
}

/** `gpu-token`: the service signed for the platform and each GPU, about this nonce and at this time, and found nothing wrong. */
export async function checkGpuTokens(value: unknown, context: TokenContext): Promise<Check> {
  try {
    const { platform, gpus } = parseGpuTokens(value);
    const claims = await readToken(platform, context);
    if (claims['x-nvidia-overall-att-result'] !== true) return fail('gpu-token', 'the service found something wrong');
    const named = (claims.submods ?? {}) as Fields;
    if (Object.keys(named).length !== gpus.size) return fail('gpu-token', 'the service speaks of other GPUs');
    for (const [name, token] of gpus) {
      const expected = ['DIGEST', ['SHA-256', toHex(await digest('SHA-256', utf8Encode(token)))]];
      if (JSON.stringify(named[name]) !== JSON.stringify(expected))
        return fail('gpu-token', `the token of ${name} is not the one that the service means`);
      const problem = findClaimProblem(await readToken(token, context));
      if (problem !== undefined) return fail('gpu-token', `${name}: ${problem}`);
    }
    return pass(
      'gpu-token',
      `NVIDIA's service found ${gpus.size} GPUs good and signed that by a key that the policy names`,
    );
  } catch (error) {
    return fail('gpu-token', error instanceof EvidenceError ? error.message : 'a token cannot be read');
  }
}

/** Why claims about a GPU are not good, or undefined. */
function findClaimProblem({ measres, secboot, dbgstat }: Fields): string | undefined {
  if (measres !== 'success') return 'its measurements are not those of the vendor';
  if (secboot !== true) return 'it did not boot securely';
  return dbgstat === 'disabled' ? undefined : 'it may be debugged';
}

async function readToken(token: string, { keys, nonce, nowMs }: TokenContext): Promise<Fields> {
  if (token.length > MAX_TOKEN_BYTES) throw new EvidenceError('a token is not so long');
  const [head = '', body = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0) throw new EvidenceError('a token has three parts');
  const { alg, kid } = readPart(head);
  if (alg !== 'ES384') throw new EvidenceError(`a token is signed by ES384, and not by ${String(alg).slice(0, 16)}`);
  const key = typeof kid === 'string' && Object.hasOwn(keys, kid) ? keys[kid] : undefined;
  if (key === undefined) throw new EvidenceError('the policy names no such key of the service');
  const point = new Uint8Array([4, ...fromHex(key, 96)]);
  const isSigned = await verifyEcdsa(
    point,
    { curve: 'P-384', hash: 'SHA-384' },
    utf8Encode(`${head}.${body}`),
    readBase64(signature),
  );
  if (!isSigned) throw new EvidenceError('the service did not sign a token');
  const claims = readPart(body);
  if (claims.iss !== ISSUER) throw new EvidenceError('a token is of another service');
  const [from, to] = [Number(claims.nbf), Number(claims.exp)];
  if (!(from * 1_000 <= nowMs && nowMs < to * 1_000)) throw new EvidenceError('a token is not of this time');
  if (claims.eat_nonce !== toHex(nonce)) throw new EvidenceError('a token is about another question');
  return claims;
}

function readPart(text: string): Fields {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(readBase64(text)));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new EvidenceError('a part of a token is no object');
}

function readBase64(text: string): Uint8Array {
  if (!/^[\w-]*$/.test(text)) throw new EvidenceError('a part of a token is no base64');
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
}

const GPU_EVENT = 'gpu-attestation';

/**
 * `gpu-machine`: the guest measured what it found about its GPU when it began, so CPU and GPU are of one machine. The text itself is signed by
 * nobody; it counts because the guest's registers hold its hash.
 * @param events of a log that makes the registers of the quote.
 */
export async function checkMeasuredGpu(claims: string, events: readonly LoggedEvent[]): Promise<Check> {
  try {
    const event = findEvent(events, GPU_EVENT);
    if (event === undefined) return fail('gpu-machine', 'the guest measured no GPU');
    const measured = readMeasured(fromHex(event));
    if (!equalBytes(await digest('SHA-256', utf8Encode(claims)), measured))
      return fail('gpu-machine', 'the guest measured something else about its GPU');
    const list = (JSON.parse(claims) as { claims?: unknown }).claims;
    if (!Array.isArray(list) || list.length === 0 || list.length > MAX_GPUS)
      return fail('gpu-machine', 'the measurement of the guest says nothing about a GPU');
    const problem = list.map((each) => findClaimProblem((each ?? {}) as Fields)).find((each) => each !== undefined);
    return problem === undefined
      ? pass('gpu-machine', `the guest measured ${list.length} GPUs as its own, and found them good`)
      : fail('gpu-machine', problem);
  } catch {
    return fail('gpu-machine', 'the measurement of the GPU by the guest cannot be read');
  }
}

/** The hash in the event: as it is, or in a JSON object as `evidence_sha256`. */
function readMeasured(payload: Uint8Array): Uint8Array {
  if (payload.length === 32) return payload;
  const { evidence_sha256: hash } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Fields;
  return fromHex(String(hash), 32);
}
