import { ProtocolError } from '../../../base/bytes.ts';
import { MAX_LISTED } from './sampler.ts';

const SLOTS = 4 * MAX_LISTED;
const slotIds = new Uint32Array(SLOTS);
const slotMarks = new Uint32Array(SLOTS);
let mark = 0;

/**
 * Refuses a token that is listed twice, because it would count twice. One open-addressed table serves every list. Each list has
 * a new mark, so the table is never cleared.
 */
export function assertDistinct(ids: Uint32Array): void {
  mark = (mark + 1) >>> 0;
  if (mark === 0) {
    slotMarks.fill(0);
    mark = 1;
  }
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    let slot = Math.imul(id, 0x9e3779b1) >>> 24;
    while (slotMarks[slot] === mark) {
      if (slotIds[slot] === id) throw new ProtocolError('malformed', `token ${id} is listed twice`);
      slot = (slot + 1) % SLOTS;
    }
    slotMarks[slot] = mark;
    slotIds[slot] = id;
  }
}
