import { concatBytes, fromBase64, fromHex, ProtocolError, toBase64, toHex, utf8Encode } from '../../base/bytes.ts';
import { parseJson } from '../../base/json.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { parseReceipt, type Receipt, toReceiptJson } from '../../stage1/receipt.ts';

// The file of an agent's run: one line for each answer, with its receipt and its calls (docs/spec/agent-chain.md).

export const AGENT_CHAIN_FORMAT = 'ogong-agent-chain-v1';
export const MAX_AGENT_STEPS = 256;
/** The largest file. Each request repeats the conversation, so files grow with the square of their steps. */
export const MAX_AGENT_CHAIN_BYTES: number = 2 ** 28;
/** Calls of one answer: the next request may have as many. */
export const MAX_AGENT_CALLS = 128;

/** A call of a tool with its result. */
export interface AgentCall {
  /** Names the reply that asked for the call, and the place of the call in it. */
  readonly id: string;
  readonly name: string;
  /** JSON as the model wrote it. It may be invalid. */
  readonly arguments: string;
  /** The text that the model received. */
  readonly result: string;
}

/** An answer of the model, and the calls that it asked for. */
export interface AgentStep {
  /** With its opening. */
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly calls: readonly AgentCall[];
}

/** A step as a file has it. */
export interface ReadAgentStep extends AgentStep {
  /** SHA-256 of the line before, as the file states it. */
  readonly previous: Uint8Array;
  /** SHA-256 of the line before, computed. */
  readonly before: Uint8Array;
}

export interface AgentChain {
  readonly steps: readonly ReadAgentStep[];
  /** SHA-256 of the last line. It names the whole run. */
  readonly hash: Uint8Array;
}

type Hash = Pick<Crypto, 'sha256'>;

const encodeLine = (value: object): Uint8Array => utf8Encode(JSON.stringify(value));
const END = Uint8Array.of(0x0a);

/**
 * Encodes the file of a run; its lines name the hashes of those before.
 * @throws ProtocolError `too-large` for a run that `parseAgentChain` would refuse.
 */
export function encodeAgentChain(crypto: Hash, steps: readonly AgentStep[]): Uint8Array {
  assertSize(steps.length, 'steps', MAX_AGENT_STEPS);
  const bodyBytes = steps.reduce((sum, { request, response }) => sum + request.length + response.length, 0);
  assertSize(bodyBytes, 'bytes', MAX_AGENT_CHAIN_BYTES);
  const lines = [encodeLine({ format: AGENT_CHAIN_FORMAT })];
  for (const { receipt, request, response, calls } of steps) {
    const bodies = { request: toBase64(request), response: toBase64(response) };
    const previous = toHex(crypto.sha256(lines.at(-1) as Uint8Array));
    lines.push(encodeLine({ previous, calls, receipt: { ...toReceiptJson(receipt), ...bodies } }));
  }
  assertSize(
    lines.reduce((sum, { length }) => sum + length + END.length, 0),
    'bytes',
    MAX_AGENT_CHAIN_BYTES,
  );
  return concatBytes(...lines.flatMap((line) => [line, END]));
}

/** @throws ProtocolError */
function assertSize(size: number, unit: string, limit: number): void {
  if (size > limit) throw new ProtocolError('too-large', `a chain has at most ${limit} ${unit}, not ${size}`);
}

/**
 * Parses the file of a run. No receipt and no link is checked.
 * @throws ProtocolError that names the line.
 */
export function parseAgentChain(crypto: Hash, file: Uint8Array): AgentChain {
  assertSize(file.length, 'bytes', MAX_AGENT_CHAIN_BYTES);
  const [header, ...lines] = cutLines(file);
  if (header === undefined || lines.length === 0) throw new ProtocolError('malformed', 'a chain without a step');
  const { format } = readObject(parseJson(header), ['format'], 'line 1');
  if (format !== AGENT_CHAIN_FORMAT) throw new ProtocolError('unsupported', `format is not ${AGENT_CHAIN_FORMAT}`);
  const hashes = [header, ...lines].map((line) => crypto.sha256(line));
  const steps = lines.map((line, i) => ({ ...parseStep(line, `line ${i + 2}`), before: hashes[i] as Uint8Array }));
  return { steps, hash: hashes.at(-1) as Uint8Array };
}

/** Returns whether bytes begin as the file of a run does. */
export function isAgentChain(bytes: Uint8Array): boolean {
  const start = utf8Encode(`{"format":"${AGENT_CHAIN_FORMAT}"}`);
  return start.every((byte, i) => bytes[i] === byte);
}

/** Each line has an end: a file that was cut is refused. */
function cutLines(file: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from < file.length; ) {
    const at = file.indexOf(0x0a, from);
    if (at < 0) throw new ProtocolError('malformed', 'the last line of the chain is cut');
    lines.push(file.subarray(from, at));
    // The first line is no step.
    assertSize(lines.length - 1, 'steps', MAX_AGENT_STEPS);
    from = at + 1;
  }
  return lines;
}

const HASH = /^[0-9a-f]{64}$/;

function parseStep(line: Uint8Array, where: string): Omit<ReadAgentStep, 'before'> {
  const { previous, calls, receipt: shown } = readObject(parseJson(line), ['previous', 'calls', 'receipt'], where);
  if (typeof previous !== 'string' || !HASH.test(previous)) return refuse(where, 'previous has 64 hex digits');
  if (!Array.isArray(calls) || calls.length > MAX_AGENT_CALLS)
    return refuse(where, `calls has at most ${MAX_AGENT_CALLS} calls`);
  const receipt = parseReceipt(shown);
  const read = (field: 'request' | 'response'): Uint8Array => {
    const value = (shown as Readonly<Record<string, unknown>>)[field];
    return typeof value === 'string' ? fromBase64(value) : refuse(where, `the receipt has no ${field}`);
  };
  return {
    previous: fromHex(previous, 32),
    calls: calls.map((call: unknown) => parseCall(call, where)),
    receipt,
    request: read('request'),
    response: read('response'),
  };
}

const CALL_FIELDS = ['id', 'name', 'arguments', 'result'] as const;

function parseCall(value: unknown, where: string): AgentCall {
  const fields = readObject(value, CALL_FIELDS, where);
  const wrong = CALL_FIELDS.find((field) => typeof fields[field] !== 'string' || !fields[field].isWellFormed());
  return wrong === undefined ? (fields as unknown as AgentCall) : refuse(where, `${wrong} of a call is no text`);
}

function readObject<const K extends string>(
  value: unknown,
  fields: readonly K[],
  where: string,
): Partial<Record<K, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(where, 'expected an object');
  const unknown = Object.keys(value).find((field) => !fields.some((known) => known === field));
  return unknown === undefined ? value : refuse(where, `the field ${JSON.stringify(unknown.slice(0, 64))} is unknown`);
}

function refuse(where: string, reason: string): never {
  throw new ProtocolError('malformed', `${where} of the chain: ${reason}`);
}
