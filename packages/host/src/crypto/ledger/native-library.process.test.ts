import { execFileSync } from 'node:child_process';
import { toHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { expect, it } from 'vitest';

const SCRIPT = `
import { openNativeLibrary } from ${JSON.stringify(new URL('native-library.ts', import.meta.url).href)};
import { ledgerCrypto } from ${JSON.stringify(new URL('ledger-crypto.ts', import.meta.url).href)};
const { address } = ledgerCrypto.createSigner(new Uint8Array(32).fill(3));
console.log(openNativeLibrary() === undefined, Buffer.from(address).toString('hex'));
`;

it.each([
  // The loader of native packages looks for a build of this platform.
  { where: 'on a platform that the native package does not know', flags: [], env: { npm_config_platform: 'unknown' } },
  { where: 'in a process that may load no native code', flags: ['--permission', '--allow-fs-read=*'], env: {} },
])('signs by WebAssembly $where', ({ flags, env }) => {
  const printed = execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', SCRIPT], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const { address } = createNobleLedgerSigner(new Uint8Array(32).fill(3));
  expect(printed).toBe(`true ${toHex(address)}\n`);
});
