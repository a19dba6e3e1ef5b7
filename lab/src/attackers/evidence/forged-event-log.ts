import type { EvidenceAttack } from './attack.ts';

/** The log names an image that the reader likes; its digests stay those that were measured. */
export const forgedEventLog: EvidenceAttack = {
  name: 'forged-event-log',
  adversary: 'operator that logs an approved image and runs another',
  aim: 'its own code under an approved name',
  caughtBy: 'event-log',
  bend({ evidence, policy, nowMs }) {
    const { eventLog } = evidence;
    if (eventLog === undefined) return undefined;
    const image = 'ab'.repeat(32);
    const events = JSON.parse(eventLog) as { event: string; event_payload: string }[];
    const forged = events.map((event) => (event.event === 'compose-hash' ? { ...event, event_payload: image } : event));
    const { compose: _, ...rest } = evidence;
    return { evidence: { ...rest, eventLog: JSON.stringify(forged) }, policy: { ...policy, images: [image] }, nowMs };
  },
};
