import { defineConfig } from '@ogong/host/config/define-config';
import { amountForm, atomicAmount, boolean, hex, hostPort, httpUrl, text } from '@ogong/host/config/values';
import { jsonField } from '@ogong/host/lifecycle/print-json';
import { dataDirField, logLevel } from '../provider/provider-config.ts';

export const joinConfig = defineConfig({
  name: 'ogong-provider join',
  examples: [
    'ogong-provider join https://gateway.example',
    'ogong-provider join https://gateway.example --fingerprint <64 digits> --model hf:acme/small:q8_0 --model-id ogong/verified/acme/small',
    'ogong-provider join http://127.0.0.1:4546 --dry-run',
  ],
  summary:
    'Joins a network and earns. It asks the gateway for the signed document of its network, chooses a model that fits this machine and is\n' +
    'asked for, brings it, takes the price that most others take, and serves it. A verifier runs in the same process, over the same model.\n' +
    'Run it again to go on: keys, network and model are remembered. Flags of the engine follow --, as ogong-provider start takes them.',
  // The engine's variables count for the command that serves.
  passesEnvironment: true,
  positionals: { label: '[<gateway>] [-- <flags of start>]', max: 64 },
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
    model: {
      schema: text,
      label: '<path|name>',
      description: 'the model to serve, in place of the best one of the network; its weights are checked by their root',
    },
    modelId: { schema: text, label: '<id>', description: 'id of the model to serve, of those that the network has' },
    price: {
      schema: atomicAmount,
      description: `price of 1,000 tokens, ${amountForm}; the median of the others if not given`,
    },
    listen: {
      schema: hostPort,
      label: '<addr>',
      default: '0.0.0.0:8443',
      description: 'address of the link endpoint; the verifier listens at the next port',
    },
    publicEndpoint: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_PROVIDER_PUBLIC_ENDPOINT',
      description: 'where others reach this machine; without it a relay of the network is taken',
    },
    rpcUrl: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_RPC_URL',
      description: 'JSON-RPC address of the chain, in place of the one that the network names',
    },
    dryRun: {
      schema: boolean,
      boolean: true,
      description: 'show the network and the models with what they would earn, and serve nothing',
    },
    json: jsonField,
    ...dataDirField,
    logLevel,
  },
});

export type JoinSettings = Extract<ReturnType<typeof joinConfig.parse>, { kind: 'run' }>['values'];
