import { readFileSync } from 'node:fs';
import { nameMachine } from '@ogong/attestation/machine-name';
import { describe, expect, it } from 'vitest';
import { composeMachine, hashMachine } from './machine-image.ts';

const NAME = `ogong-provider@sha256:${'0'.repeat(64)}`;

describe('the program of a machine', () => {
  it('is the same text for everybody, and its hash stands in the page', () => {
    const page = readFileSync(new URL('../docs/machine-image.md', import.meta.url), 'utf8');
    expect(page).toContain(hashMachine(NAME));
    expect(hashMachine(`ogong-provider@sha256:${'1'.repeat(64)}`)).not.toBe(hashMachine(NAME));
    const { allowed_envs: allowed, docker_compose_file: file } = JSON.parse(composeMachine(NAME)) as {
      allowed_envs: string[];
      docker_compose_file: string;
    };
    // Each setting of an operator has a name, and none of them is a way to run another program.
    const used = [...file.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual([...allowed].sort());
    expect(allowed.filter((name) => /TEE|LISTEN|COMMAND|IMAGE/.test(name))).toEqual([]);
  });

  it('names an image by its digest alone', () => {
    for (const name of [
      'ogong-provider',
      'ogong-provider:latest',
      `x@sha256:${'0'.repeat(63)}`,
      `x\n@sha256:${'0'.repeat(64)}`,
      '',
    ])
      expect(() => composeMachine(name), name).toThrow('by its digest');
  });

  it('is an image that evidence names', async () => {
    const { image } = await nameMachine({
      cpu: {
        ...{ kind: 'software', publicKey: new Uint8Array(32), reportData: new Uint8Array(64) },
        ...{ image: new Uint8Array(Buffer.from(hashMachine(NAME), 'hex')), signature: new Uint8Array(64) },
      },
    });
    expect(Buffer.from(image).toString('hex')).toBe(hashMachine(NAME));
  });
});
