import { toHex } from '@ogong/protocol/base/bytes';

/** A span of some trace, as W3C Trace Context writes it down (https://www.w3.org/TR/trace-context/). */
export interface SpanPlace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** The header `traceparent`. Undefined if it is absent or malformed, or if its sender does not record the trace. */
export function parseTraceParent(header: string | undefined): SpanPlace | undefined {
  if (header === undefined || header.length > 128) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACE_PARENT.exec(header) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return (Number.parseInt(flags, 16) & SAMPLED) === 0 ? undefined : { traceId, spanId };
}

/**
 * The id of a reply names its trace. It has the 16 bytes of a trace id, and every daemon that works on the reply knows it. So all of them
 * write into one trace without a header. The whole reply is one span, whose id all of them know, too.
 */
export const traceOfReply = (replyId: string): SpanPlace => ({
  traceId: replyId,
  // Zeros alone name no span.
  spanId: /^0+$/.test(replyId.slice(16)) ? '0000000000000001' : replyId.slice(16),
});

export function createSpanId(randomBytes: (length: number) => Uint8Array): string {
  const id = randomBytes(8);
  return id.some((byte) => byte !== 0) ? toHex(id) : createSpanId(randomBytes);
}
