import { expect, it } from 'vitest';
import { dishonestRelay, openRelayedNode } from './dishonest-relay.ts';

it('a relay reads nothing, has nothing else taken, and cannot pass another node off as the wanted one', async () => {
  const node = await openRelayedNode();
  try {
    const { honest, read, cheated } = await dishonestRelay.play(node);
    expect(honest).toBe(node.says);
    expect(read.length).toBeGreaterThan(200);
    expect(read).not.toContain(node.says);
    expect(Object.keys(cheated)).toHaveLength(6);
    for (const [what, outcome] of Object.entries(cheated)) {
      expect(outcome, what).toEqual({ error: expect.stringMatching(/^(unreachable|timeout|wrong-certificate)$/) });
    }
    expect(cheated['leads elsewhere']).toEqual({ error: 'wrong-certificate' });
  } finally {
    await node.close();
  }
});
