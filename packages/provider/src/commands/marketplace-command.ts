import { createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { boolean, hostPort, text } from '@ogong/host/config/values';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { writePublicFile } from '@ogong/host/files/private-files';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { EXIT } from '@ogong/host/log/errors';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { createChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { ProviderService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashMachineEntry } from '@ogong/protocol/machine/machine-entry';
import { type PreparedEntry, prepareEntry } from '../machine/enter-machine.ts';
import { dataDirField } from '../provider/provider-config.ts';

const NAME = 'ogong-provider marketplace-register';
const CALL_TIMEOUT_MS = 30_000;

export const marketplaceConfig = defineConfig({
  name: NAME,
  examples: [
    'ogong-provider marketplace-register --deployment deployment.json --dry-run',
    'ogong-provider marketplace-register --deployment deployment.json --provider 127.0.0.1:8443 --json',
  ],
  summary:
    'Enters the machine of the provider that runs in the registry on the chain, for at most a week. The machine answers the newest beacon, the\n' +
    'validators check the evidence by their own policies and sign, and this account submits it. Validators do the same by themselves; this is\n' +
    'for a machine that has just started, and says who refuses it and why.',
  fields: {
    provider: {
      schema: hostPort,
      label: '<addr>',
      default: '127.0.0.1:8443',
      description: 'where the provider of this data directory listens',
    },
    dryRun: {
      schema: boolean,
      boolean: true,
      description: 'send nothing to the chain: show the entry, and which validators sign for it',
    },
    out: { schema: text, label: '<path>', description: 'where to write the evidence, for others to check' },
    json: jsonField,
    ...dataDirField,
    ...chainFields,
  },
});

export const marketplaceCommand: Command = {
  name: 'marketplace-register',
  summary: 'enter this machine in the registry on the chain',
  async run(argv, output) {
    const parsed = marketplaceConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { provider, dryRun, out, json, ...values } = parsed.values;
    const keys = createOrLoadKeys(values.dataDir);
    const identity = createLinkIdentity(keys.linkSeed);
    const { deployment, rpcUrl } = readDeployment(NAME, values);
    if (deployment.machines === undefined) throw new ConfigError(NAME, ['this network has no registry of machines']);
    const domain = domainOf(deployment, deployment.machines);
    const privateKey = `0x${toHex(keys.ledgerKey.reveal())}` as const;
    const client = await createChainClient({ rpcUrl, deployment, privateKey });
    const chain = createChainView({ deployment }, { connect: async () => client });
    const own = { endpoint: formatHostPort(provider), certHash: identity.id };
    const links = createLinkPool({ identity, dialPolicy: toDialPolicy(chain.ledger.chainId), own: [own] });
    try {
      await chain.refresh();
      const beacons = createBeaconView({}, { crypto, chain, links });
      await beacons.refresh();
      const signer = createNodeHybridSigner(keys.hybridSeed.reveal());
      const prepared = await prepareEntry({
        ...{ crypto, domain, beacon: beacons.latest(), nowS: await client.now(), validators: chain.validators() },
        providerId: hashHybridKey(crypto, signer.publicKey),
        show: (nonce) => links.to(ProviderService, own).getEvidence({ nonce }, { timeoutMs: CALL_TIMEOUT_MS }),
        certify: async (validator, asked) =>
          (await links.to(ValidatorService, validator).certifyMachine(asked, { timeoutMs: CALL_TIMEOUT_MS })).signature,
      });
      if (out !== undefined) writePublicFile(out, prepared.evidence);
      const quorum = await sortQuorum(hashMachineEntry(crypto, domain, prepared.entry), prepared.signatures);
      const sent = dryRun ? undefined : await client.registerMachine(prepared.entry, quorum, prepared.named.quote);
      say(prepared, { transaction: sent?.transactionHash, json }, output);
      return EXIT.ok;
    } finally {
      links.close();
      await chain.stop();
    }
  },
};

function say(
  { entry, signatures, refusals }: PreparedEntry,
  { transaction, json }: { readonly transaction: string | undefined; readonly json: boolean | undefined },
  output: Output,
): void {
  const names = {
    ...{ provider: toHex(entry.providerId), machine: toHex(entry.machine), image: toHex(entry.image) },
    ...{ evidence: toHex(entry.evidence), signingKey: toHex(entry.signingKey) },
  };
  const refused = refusals.map(({ validator, reason }) => ({ validator: `0x${toHex(validator)}`, reason }));
  if (json) {
    const rest = { epoch: `${entry.epoch}`, until: Number(entry.until), signatures: signatures.length, refused };
    printJson(output, { ...names, ...rest, transaction: transaction ?? null });
    return;
  }
  for (const [name, value] of Object.entries(names)) output.write(`${name.padEnd(11)} ${value}\n`);
  output.write(`${'until'.padEnd(11)} ${new Date(Number(entry.until) * 1_000).toISOString()}\n`);
  output.write(`${signatures.length} validators signed, ${refused.length} did not\n`);
  for (const { validator, reason } of refused) output.write(`  ${validator}: ${reason}\n`);
  output.write(transaction === undefined ? 'nothing was sent\n' : `entered by ${transaction}\n`);
}
