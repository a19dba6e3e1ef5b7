import { expect, it } from 'vitest';
import { junkJobs } from './junk-jobs.ts';

it('jobs that verifiers refuse take no weight from them, and a forged reply is rejected as before', async () => {
  const { honestShare, forged } = await junkJobs.play({ honestly: 'refuse', junk: 6, forged: 1 });
  expect(honestShare).toBeGreaterThan(0.9);
  expect(forged.map(({ verdict }) => verdict)).toEqual(['reject']);
});

it('verifiers that say nothing lose their weight', async () => {
  const { honestShare } = await junkJobs.play({ honestly: 'say nothing', junk: 6, forged: 0 });
  expect(honestShare).toBeLessThan(0.9);
});
