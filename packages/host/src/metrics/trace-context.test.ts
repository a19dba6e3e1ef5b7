import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSpanId, parseTraceParent, traceOfReply } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

it('reads the header of a caller that records its trace', () => {
  expect(parseTraceParent(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, spanId: SPAN });
  // A later version may say more.
  expect(parseTraceParent(`01-${TRACE}-${SPAN}-03-more`)).toEqual({ traceId: TRACE, spanId: SPAN });
});

it.each([
  undefined,
  '',
  `00-${TRACE}-${SPAN}-00`,
  `00-${TRACE}-${SPAN}-01-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}`,
  `01-${TRACE}-${SPAN}-01-${'x'.repeat(200)}`,
])('takes %s for none', (header) => expect(parseTraceParent(header)).toBeUndefined());

it('names a trace and its first span by the reply, and other spans by chance', () => {
  expect(traceOfReply(TRACE)).toEqual({ traceId: TRACE, spanId: 'a3ce929d0e0e4736' });
  expect(traceOfReply(`${TRACE.slice(0, 16)}${'0'.repeat(16)}`).spanId).toBe('0000000000000001');
  const drawn = new Set(Array.from({ length: 100 }, () => createSpanId(randomBytes)));
  expect(drawn.size).toBe(100);
  const draws = [new Uint8Array(8), new Uint8Array(8).fill(1)];
  expect(createSpanId(() => draws.shift() as Uint8Array)).toBe('01'.repeat(8));
  for (const id of drawn) expect(id).toMatch(/^[0-9a-f]{16}$/);
});
