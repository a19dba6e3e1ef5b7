import { ConfigError } from '@ogong/host/config/config-error';
import { expect, it } from 'vitest';
import { listRelays } from './listed-relays.ts';

const certHash = new Uint8Array(32).fill(1);
const of = { name: 'ogong-routerd', certHash };
const at = (host: string) => ({ host, port: 4546 });
const other = { endpoint: at('192.0.2.9'), certHash: new Uint8Array(32).fill(2) };

it('providers are told of the relay beside the router by the address that others dial', () => {
  const told = { endpoint: at('192.0.2.1'), certHash };
  expect(listRelays({ relay: at('192.0.2.1'), knownRelay: [other] }, of)).toEqual({ relays: [told, other] });
  expect(listRelays({ relay: at('0.0.0.0'), relayEndpoint: at('192.0.2.1'), knownRelay: [] }, of)).toEqual({
    relays: [told],
  });
  expect(listRelays({ knownRelay: [other] }, of)).toEqual({ relays: [other] });
});

it.each(['0.0.0.0', '::'])('an operator hears that nobody is told of a relay on %s', (host) => {
  const { relays, warning } = listRelays({ relay: at(host), knownRelay: [other] }, of);
  expect(relays).toEqual([other]);
  expect(warning).toContain('--relay-endpoint');
});

it('the place of a relay that is not there is refused', () => {
  expect(() => listRelays({ relayEndpoint: at('192.0.2.1'), knownRelay: [] }, of)).toThrow(ConfigError);
});
