import { parseDeployment } from '@ogong/chain/deployment';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, hex, httpUrl } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openAskUser } from '@ogong/host/lifecycle/ask-user';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { readGateway, takeNetwork } from '@ogong/host/network/take-network';
import { systemClock } from '@ogong/host/time/clock';
import { formatTokens } from '@ogong/protocol/base/amount';
import { findJoined, writeJoined } from '../mesh/joined-network.ts';
import { unitsOf } from '../token-units.ts';

const config = defineConfig({
  name: 'ogong join',
  summary:
    'Joins a network as a consumer: it asks the gateway for the signed document of its network, and remembers gateway, contracts and chain.\n' +
    'ogong ask and ogong verify then need no flags. To serve and earn: ogong-provider join.',
  positionals: { label: '<gateway>', min: 1, max: 1 },
  fields: {
    fingerprint: {
      schema: hex(32),
      label: '<hash>',
      env: 'OGONG_NETWORK_FINGERPRINT',
      description:
        "hash of the key that signs the network's document, as its operator publishes it; without it the program shows the hash and asks",
    },
    yes: {
      schema: boolean,
      boolean: true,
      description: 'take the fingerprint that the gateway shows, without a question',
    },
    rpcUrl: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_RPC_URL',
      description: 'JSON-RPC address of the chain, in place of the one that the network names',
    },
    json: jsonField,
  },
  examples: ['ogong join https://gateway.example', 'ogong join https://gateway.example --fingerprint <64 digits>'],
});

export const joinCommand: Command = {
  name: 'join',
  summary: 'join a network: ask and verify then need no flags',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { fingerprint, yes = false, rpcUrl: given, json } = parsed.values;
    const gateway = readGateway(parsed.positionals[0] as string);
    const before = findJoined();
    const known = before?.gatewayUrl === gateway ? before.fingerprint : undefined;
    const network = await takeNetwork(
      gateway,
      { fingerprint, known, isTaken: yes },
      {
        ...{ crypto, nowMs: () => systemClock.nowMs(), ask: openAskUser() },
        say: (line) => output.writeError(`${line}\n`),
      },
    );
    const { document } = network;
    const deployment = parseDeployment(document.deployment);
    const rpcUrl = given ?? deployment.rpcUrl;
    if (rpcUrl === undefined)
      throw new ConfigError(config.definition.name, [
        'the network names no address of its chain; name one by --rpc-url',
      ]);
    writeJoined({ gateway, fingerprint: network.fingerprint, rpcUrl, deployment });
    const unit = unitsOf(deployment).paid;
    const models = document.models.map(({ id, pricePer1kAtomic, providers }) => ({ id, pricePer1kAtomic, providers }));
    if (json) {
      const shown = models.map((model) => ({ ...model, pricePer1kAtomic: `${model.pricePer1kAtomic}` }));
      printJson(output, { gateway, fingerprint: network.fingerprint, rpcUrl, models: shown });
      return EXIT.ok;
    }
    for (const { id, pricePer1kAtomic, providers } of models)
      output.write(`${id}  ${formatTokens(pricePer1kAtomic)} ${unit} per 1,000 tokens, providers ${providers}\n`);
    output.write(`joined: ogong ask "Once upon a time"\n`);
    return EXIT.ok;
  },
};
