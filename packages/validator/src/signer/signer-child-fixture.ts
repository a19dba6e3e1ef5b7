// A signer that is killed after it has noted the statement, and before its answer leaves.
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { openStore } from '@ogong/host/store/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createGuardedSigner } from './guarded-signer.ts';
import { createSignerServer } from './signer-server.ts';
import { GUARD_SCHEMA, summarizeGuard } from './signing-guard.ts';

const [path, database, account, address] = process.argv.slice(2) as [string, string, string, string];
const store = openStore(database, { schema: GUARD_SCHEMA });
const key = {
  address: fromHex(address, 20),
  signDigest(): never {
    process.kill(process.pid, 'SIGKILL');
    throw new Error('still here');
  },
};
const signer = createGuardedSigner(nodeCrypto, { key, account: fromHex(account, 20), store });
const server = createSignerServer({ path }, { signer, summarize: () => summarizeGuard(store) });
await server.start();
process.stdout.write(`${JSON.stringify({ event: 'ready', name: 'fixture', pid: process.pid })}\n`);
