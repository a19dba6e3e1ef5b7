import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contractNames } from '@ogong/chain/deployment';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.ts';
import { readDeployment } from './read-deployment.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-deployment-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const addresses = Object.fromEntries(contractNames.map((name) => [name, `0x${'11'.repeat(20)}`]));
const contracts = { chainId: 31_337, block: 0, ...addresses };

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const read = (deployment: string, rpcUrl?: string) => readDeployment('ogong-x', { deployment, rpcUrl });

describe('a deployment', () => {
  it("is asked at the user's address, or else at the file's", () => {
    const path = write('own.json', JSON.stringify({ ...contracts, rpcUrl: 'http://127.0.0.1:1' }));
    expect(read(path)).toMatchObject({ rpcUrl: 'http://127.0.0.1:1', deployment: { chainId: 31_337 } });
    expect(read(path, 'http://127.0.0.1:2').rpcUrl).toBe('http://127.0.0.1:2');
  });

  it.each([
    ['is not there', () => join(folder, 'nosuch.json'), /nosuch\.json: no such file.*contracts/],
    ['is no JSON', () => write('bad.json', '{'), /bad\.json: deployment: not JSON; it is the file/],
    [
      'lacks an address',
      () => write('thin.json', JSON.stringify({ ...contracts, token: '' })),
      /token is not an address/,
    ],
    ['names no chain', () => write('silent.json', JSON.stringify(contracts)), /--rpc-url is required/],
  ])("that %s is the user's to mend", (_what, path, message) => {
    expect(() => read(path())).toThrow(ConfigError);
    expect(() => read(path())).toThrow(message);
  });
});
