import { domainOf } from '@ogong/chain/domain';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { formatHostPort } from '@ogong/host/link/host-port';
import { toHex } from '@ogong/protocol/base/bytes';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { openKeys, openSigningKey } from '../open-keys.ts';
import { registerValidator } from '../register.ts';
import { createCommand } from './command.ts';
import { consentConfig, registerConfig, setSignerConfig } from './command-configs.ts';

export const register = createCommand(registerConfig, async (values, name) => {
  const { deployment, vrfSeed, boxSecret, readHeadKey, identity, connect } = await openKeys(name, values);
  const client = await connect();
  const isThreshold = deployment.beaconKeys !== undefined;
  const outcome = await registerValidator(client, {
    endpoint: formatHostPort(values.endpoint),
    certHash: identity.id,
    vrfSeed,
    boxKey: isThreshold ? nobleSealedBox.deriveKey(boxSecret) : undefined,
    headKey: isThreshold ? await readHeadKey() : undefined,
    bondAtomic: values.bond,
  });
  return { outcome, validator: client.address, consensusId: toHex(identity.id) };
});

export const consent = createCommand(consentConfig, async ({ account, ...values }, name) => {
  const key = openSigningKey(values);
  const { deployment } = readDeployment(name, values);
  const domain = domainOf(deployment, deployment.registry);
  const signature = await createKeySigner(nodeCrypto, key, account).sign({ kind: 'signing-key', domain, account });
  const [validator, signingKey, consent] = [account, key.address, signature].map((bytes) => `0x${toHex(bytes)}`);
  return { validator, signingKey, consent };
});

export const setSigner = createCommand(
  setSignerConfig,
  async ({ signingKey, consent = new Uint8Array(0), ...values }, name) => {
    const client = await (await openKeys(name, values)).connect();
    await client.setSigningKey(signingKey, consent);
    const account = client.address as NonNullable<typeof client.address>;
    const { current, named, from } = await client.signingKeyOf(account);
    return { validator: account, signingKey: named, countsFrom: Number(from), until: current };
  },
);
