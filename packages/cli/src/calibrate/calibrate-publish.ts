import type { ChainClient } from '@ogong/chain/client';
import { chainFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readTableFile, TableError } from '@ogong/host/drift-table/table-file';
import type { Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { openLedger, readPrivateKey } from '../open-ledger.ts';
import { jsonField } from './calibrate-fields.ts';

export const publishConfig = defineConfig({
  name: 'ogong calibrate publish',
  examples: ['ogong calibrate publish drift-table.json --deployment deployment.json --ledger-key owner.key'],
  summary:
    'Names a drift table on the chain, by hash and version: validators then start with this one and no other. Does nothing\n' +
    "if the chain names it already. Needs the key of the owner of the contracts' parameters.",
  fields: {
    ...chainFields,
    ledgerKey: {
      schema: text,
      label: '<path>',
      env: 'OGONG_LEDGER_KEY',
      required: true,
      description: 'file with the private key of the account that owns the parameters, as `ledger.key` of a daemon',
    },
    json: jsonField,
  },
  positionals: { label: '<table>', min: 1, max: 1 },
});

export async function publishTable(argv: readonly string[], output: Output): Promise<number> {
  const parsed = publishConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const path = parsed.positionals[0] as string;
  const { ledgerKey, json } = parsed.values;
  const { hash: bytes, table } = readTableFile(crypto, path);
  const hash = `0x${toHex(bytes)}` as const;
  const chain = await openLedger(publishConfig.definition.name, parsed.values, readPrivateKey(ledgerKey));
  const isNew = await nameOnChain(chain, { path, hash, version: BigInt(table.version) });
  if (json) output.write(`${JSON.stringify({ hash, version: table.version, isNew })}\n`);
  else output.write(`the chain ${isNew ? 'now names' : 'names already'} ${hash.slice(2)}, version ${table.version}\n`);
  return EXIT.ok;
}

/** @returns whether it had to be. @throws TableError if the chain names a table that this one does not follow; ChainError. */
async function nameOnChain(
  chain: Pick<ChainClient, 'parameters' | 'setDriftTable'>,
  { path, hash, version }: { readonly path: string; readonly hash: `0x${string}`; readonly version: bigint },
): Promise<boolean> {
  const { driftTable: named } = await chain.parameters();
  if (named.hash === hash) return false;
  if (version <= named.version) {
    throw new TableError(
      'wrong-table',
      `${path} has version ${version}; the chain names ${named.hash.slice(2)}, version ${named.version}: ` +
        'build this one as the successor of that table (--previous)',
    );
  }
  await chain.setDriftTable({ hash, version });
  return true;
}
