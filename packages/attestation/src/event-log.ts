import { fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { digest } from './byte-reader.ts';
import { EvidenceError } from './evidence-error.ts';

/** A measurement that a guest added to one of its four registers after it began. */
export interface LoggedEvent {
  readonly imr: number;
  readonly eventType: number;
  /** SHA-384 in hex; of a runtime event it may be absent, since it follows from name and payload. */
  readonly digest: string;
  readonly event: string;
  /** In hex. */
  readonly payload: string;
}

/** Of events that dstack's guest measures while it runs. */
const RUNTIME = 0x08000001;
const REGISTERS = 4;
const DIGEST_BYTES = 48;
const MAX_EVENTS = 4_096;
const MAX_PAYLOAD_HEX = 65_536;

/** @param text the JSON list of a guest agent. @throws EvidenceError */
export function parseEventLog(text: string): LoggedEvent[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new EvidenceError('the event log is no JSON');
  }
  if (!Array.isArray(list) || list.length > MAX_EVENTS)
    throw new EvidenceError('the event log is no list, or too long');
  return list.map((item: unknown, at) => parseEvent(item, at));
}

function parseEvent(item: unknown, at: number): LoggedEvent {
  const fields = (typeof item === 'object' && item !== null ? item : {}) as Readonly<Record<string, unknown>>;
  const { imr, event_type: eventType, digest: said = '', event = '', event_payload: payload = '' } = fields;
  const isHex = (value: unknown): value is string => typeof value === 'string' && /^(?:[0-9a-f]{2})*$/i.test(value);
  if (typeof imr !== 'number' || !Number.isInteger(imr) || imr < 0 || imr >= REGISTERS)
    throw new EvidenceError(`event ${at} names no register`);
  if (typeof eventType !== 'number' || !Number.isInteger(eventType) || eventType < 0 || eventType > 0xffffffff)
    throw new EvidenceError(`event ${at} has no type`);
  if (typeof event !== 'string' || !isHex(said) || !isHex(payload) || payload.length > MAX_PAYLOAD_HEX)
    throw new EvidenceError(`event ${at} cannot be read`);
  if (said.length !== 2 * DIGEST_BYTES && !(eventType === RUNTIME && said === ''))
    throw new EvidenceError(`event ${at} has no digest of SHA-384`);
  return { imr, eventType, digest: said.toLowerCase(), event, payload: payload.toLowerCase() };
}

/**
 * Computes the registers that a log makes. Digests of runtime events are computed from name and payload. The digests in the log do not
 * count: a forged payload beside its right digest would pass otherwise.
 * @returns the four registers, 48 bytes each; and the event whose digest is not what it says.
 */
export async function replayEventLog(
  events: readonly LoggedEvent[],
): Promise<{ readonly registers: readonly Uint8Array[]; readonly forged: string | undefined }> {
  const registers = Array.from({ length: REGISTERS }, () => new Uint8Array(DIGEST_BYTES));
  let forged: string | undefined;
  for (const event of events) {
    const measured = event.eventType === RUNTIME ? await digestRuntime(event) : fromHex(event.digest);
    if (event.digest !== '' && toHex(measured) !== event.digest) forged ??= event.event;
    registers[event.imr] = new Uint8Array(await digest('SHA-384', registers[event.imr] as Uint8Array, measured));
  }
  return { registers, forged };
}

const digestRuntime = ({ event, payload }: LoggedEvent): Promise<Uint8Array> =>
  digest('SHA-384', new Uint8Array([1, 0, 0, 8]), utf8Encode(`:${event}:`), fromHex(payload));

/** The payload of the one event of this name; undefined where there is none, or more than one. */
export function findEvent(events: readonly LoggedEvent[], name: string): string | undefined {
  const found = events.filter(({ event, eventType, imr }) => event === name && eventType === RUNTIME && imr === 3);
  return found.length === 1 ? found[0]?.payload : undefined;
}
