import { describe, expect, it } from 'vitest';
import { beyondRoom } from '../payers/beyond-room.ts';
import { roomCapture } from '../validators/room-capture.ts';
import { endlessAudit } from './endless-audit.ts';

describe('a provider whose audits never accept and never reject', () => {
  it.each([
    ['answered by no verifier', 'unjudged'],
    ['longer than the context of every verifier', 'unjudged'],
    ['always in doubt', 'inconclusive'],
  ] as const)('earns nothing with replies that are %s', async (kind, verdict) => {
    const { entries } = await endlessAudit.play({ kind, replies: 6 });
    expect(entries).toMatchObject(Array(6).fill({ verdict, feeAtomic: 0n, ejects: false }));
  });

  it.each([endlessAudit, beyondRoom, roomCapture])('is stopped on the stage: $name', async (attack) => {
    expect(await attack.stage()).toMatchObject({ worked: false });
  });
});
