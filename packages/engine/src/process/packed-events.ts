import type { TextGenerationEvent, TokenLikelihood } from '../interface/text.ts';
import type { HostMessage } from './child-messages.ts';

type EventsMessage = Extract<HostMessage, { kind: 'events' }>;
type TokenEvent = Extract<TextGenerationEvent, { kind: 'token' }>;

/** A token's id, its bytes as characters up to U+00FF, and its log-probability. */
type PackedToken = readonly [id: number, bytes: string, logprob: number];

/** An event that names a token: the request, the text, the token, and then its alternatives. */
type PackedEvent = readonly [id: number, text: string, ...values: (number | string)[]];

/**
 * Events between processes. A typed array costs more there than all else of a token, and names of fields are written anew for each
 * object. So the bytes of tokens are strings here, and their fields have no names.
 */
export interface PackedEvents {
  readonly kind: 'packed';
  readonly events: readonly (PackedEvent | EventsMessage['events'][number])[];
}

export const packEvents = ({ events }: EventsMessage): PackedEvents => ({
  kind: 'packed',
  events: events.map((given) => (given[1].kind === 'token' ? packToken(given[0], given[1]) : given)),
});

/** @throws TypeError if a child has sent something else. */
export const unpackEvents = ({ events }: PackedEvents): EventsMessage => ({
  kind: 'events',
  events: events.map((given) => (typeof given[1] === 'string' ? unpackToken(given as PackedEvent) : given) as never),
});

function packToken(id: number, { text, token, alternatives }: TokenEvent): PackedEvent {
  const values: [number, string, ...(number | string)[]] = [id, text, ...packLikelihood(token)];
  for (const alternative of alternatives) values.push(...packLikelihood(alternative));
  return values;
}

function unpackToken([id, text, ...values]: PackedEvent): readonly [number, TokenEvent] {
  const alternatives: TokenLikelihood[] = [];
  for (let at = 3; at < values.length; at += 3) alternatives.push(unpackLikelihood(values, at));
  return [id, { kind: 'token', token: unpackLikelihood(values, 0), alternatives, text }];
}

const packLikelihood = ({ id, bytes, logprob }: TokenLikelihood): PackedToken => [
  id,
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'),
  logprob,
];

function unpackLikelihood(values: readonly (number | string)[], at: number): TokenLikelihood {
  const [id, characters, logprob] = values.slice(at, at + 3) as unknown as PackedToken;
  if (typeof characters !== 'string') throw new TypeError('the bytes of a token are no string');
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return { id, bytes, logprob };
}
