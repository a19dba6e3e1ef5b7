import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTableFile, type TableFile, writeTableFile } from '@ogong/host/drift-table/table-file';
import { toHex } from '@ogong/protocol/base/bytes';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { createTestPolicy } from '@ogong/testing/validator/drift-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrateCommand } from './calibrate-command.ts';

describe('ogong calibrate publish', () => {
  let ledger: TestLedger;
  let directory: string;
  const at = (name: string): string => join(directory, name);
  beforeAll(async () => {
    ledger = await startTestLedger();
    directory = mkdtempSync(join(tmpdir(), 'ogong-publish-'));
    writeFileSync(at('deployment.json'), JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
    writeFileSync(at('owner.key'), `${ledger.governorKey.slice(2)}\n`, { mode: 0o600 });
    const stranger = await ledger.createMember();
    writeFileSync(at('stranger.key'), `${stranger.privateKey.slice(2)}\n`, { mode: 0o600 });
  });
  afterAll(async () => {
    await ledger?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const put = (name: string, version: number): TableFile => {
    const file = createTableFile(crypto, { ...createTestPolicy().table, version });
    writeTableFile(at(name), file);
    return file;
  };
  const publish = async (name: string, key = 'owner.key', ...more: string[]): Promise<string> => {
    const said: string[] = [];
    const output = {
      write: (text: string) => void said.push(text),
      writeError: (text: string) => void said.push(text),
    };
    const flags = ['--deployment', at('deployment.json'), '--ledger-key', at(key), ...more];
    expect(await calibrateCommand.run(['publish', at(name), ...flags], output)).toBe(0);
    return said.join('');
  };
  const readNamed = async () => (await ledger.governor.parameters()).driftTable;

  it('names the table on the chain, once', async () => {
    const { hash } = put('first.json', 1);
    const anchor = { hash: `0x${toHex(hash)}`, version: 1n };
    expect(await publish('first.json')).toBe(`the chain now names ${toHex(hash)}, version 1\n`);
    expect(await readNamed()).toEqual(anchor);
    expect(await publish('first.json')).toContain('names already');
    expect(JSON.parse(await publish('first.json', 'owner.key', '--json'))).toEqual({
      hash: anchor.hash,
      version: 1,
      isNew: false,
    });
    put('second.json', 2);
    await publish('second.json');
    expect(await readNamed()).toMatchObject({ version: 2n });
    // A table with the hash of an older one does not come back.
    await expect(publish('first.json')).rejects.toThrow(/has version 1; the chain names [0-9a-f]{64}, version 2/);
  });

  it('is refused without the key of the owner, and without a table', async () => {
    const before = await readNamed();
    put('third.json', 3);
    await expect(publish('third.json', 'stranger.key')).rejects.toMatchObject({ code: 'reverted' });
    await expect(publish('third.json', 'nobody.key')).rejects.toThrow('there is no key file');
    await expect(publish('owner.key')).rejects.toMatchObject({ code: 'bad-table' });
    expect(await readNamed()).toEqual(before);
  });
});
