import { domainOf } from '@ogong/chain/domain';
import type { QuoteCall } from '@ogong/chain/registry/machines';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { concatBytes, fromHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashMachineEjection, type MachineEjection } from '@ogong/protocol/machine/machine-ejection';
import {
  hashMachineEntry,
  hashMachineRevocation,
  type MachineEntry,
  type MachineRevocation,
} from '@ogong/protocol/machine/machine-entry';
import { computeReportData } from '@ogong/protocol/tier/attestation';
import type { TestLedger } from './test-ledger.ts';

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** A ledger with a registry of machines and three validators, and their signatures. */
export async function openMachineWorld(ledger: TestLedger) {
  const { deployment } = ledger;
  const domain = domainOf(deployment, deployment.machines ?? '0x');
  const members = [await ledger.createValidator(), await ledger.createValidator(), await ledger.createValidator()];
  const signers = members.map(({ privateKey }) => createNobleLedgerSigner(fromHex(privateKey.slice(2), 32)));
  const signAll = (digest: Uint8Array, count = signers.length) =>
    sortQuorum(
      digest,
      signers.slice(0, count).map((signer) => signer.signDigest(digest)),
    );
  const nowS = await ledger.governor.now();
  return {
    nowS,
    ledger: domainOf(deployment, deployment.escrow),
    client: ledger.governor,
    entry: {
      ...{ providerId: fill(1), machine: fill(2), image: fill(3), evidence: fill(4), signingKey: fill(5) },
      ...{ sealKey: fill(6), platformKey: new Uint8Array(32), epoch: 7n, until: nowS + 86_400n },
    } satisfies MachineEntry,
    sign: (entry: MachineEntry, count?: number) => signAll(hashMachineEntry(crypto, domain, entry), count),
    signEjection: (ejected: MachineEjection, count?: number) =>
      signAll(hashMachineEjection(crypto, domainOf(deployment, deployment.settlement), ejected), count),
    signRevocation: (revocation: MachineRevocation) => signAll(hashMachineRevocation(crypto, domain, revocation)),
  };
}

/** A quote as Intel's enclave makes it, under fresh keys, for a guest that reports these keys. */
export async function forgeQuote(ledger: LedgerDomain, entry: MachineEntry): Promise<QuoteCall> {
  const [platform, enclave] = [await createPair(), await createPair()];
  const authenticationData = new Uint8Array(32).fill(9);
  const enclaveReport = new Uint8Array(384);
  enclaveReport.set(crypto.sha256(concatBytes(enclave.point, authenticationData)), 320);
  const { providerId, signingKey: attestedKey, sealKey: sealKeyHash } = entry;
  const reportData = computeReportData(crypto, { ledger, providerId, attestedKey, sealKeyHash }, new Uint8Array(32));
  const header = new Uint8Array(48);
  header[0] = 4;
  const signed = concatBytes(header, new Uint8Array(520), reportData);
  return {
    ...{ signed, signature: await enclave.sign(signed), attestationKey: enclave.point, authenticationData },
    ...{ enclaveReport, enclaveSignature: await platform.sign(enclaveReport), platformKey: platform.point },
  };
}

async function createPair() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pair = await globalThis.crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const raw = new Uint8Array(await globalThis.crypto.subtle.exportKey('raw', pair.publicKey));
  return {
    point: raw.slice(1),
    sign: async (message: Uint8Array) =>
      new Uint8Array(
        await globalThis.crypto.subtle.sign(
          { name: 'ECDSA', hash: 'SHA-256' },
          pair.privateKey,
          new Uint8Array(message),
        ),
      ),
  };
}

/** Measures the entry of a machine on a chain of its own. The chain checks two P-256 signatures of a quote. */
export async function measureMachineEntry(ledger: TestLedger) {
  const world = await openMachineWorld(ledger);
  const plain = await world.client.registerMachine(world.entry, await world.sign(world.entry));
  const renewed = { ...world.entry, until: world.entry.until + 1n };
  const again = await world.client.registerMachine(renewed, await world.sign(renewed));
  const other = { ...world.entry, providerId: fill(9) };
  const quote = await forgeQuote(world.ledger, other);
  const quoted = { ...other, platformKey: crypto.sha256(quote.platformKey as Uint8Array) };
  const checked = await world.client.registerMachine(quoted, await world.sign(quoted), quote);
  return {
    signatures: 3,
    ...{ firstGas: Number(plain.gasUsed), renewedGas: Number(again.gasUsed), quotedGas: Number(checked.gasUsed) },
  };
}
