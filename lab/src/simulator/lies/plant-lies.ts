import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { Plan } from '../plan.ts';
import { payeeOf, placeOf, providerIdOf, simulateGateway } from '../roles/serving.ts';
import type { ValidatorTimes } from '../roles/validator.ts';
import type { Disk, Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { plantMemberLie } from './cohort-lies.ts';
import { plantConsumerLie } from './consumer-lies.ts';
import { FORGING, indexOf, roleOf, slabOf } from './lie-names.ts';
import { plantRouterLie } from './router-lies.ts';
import { plantWireLie } from './server-lies.ts';
import { plantValidatorLies } from './validator-lies.ts';

/** Machines and accounts of a run that follow the rules. */
export interface Honesty {
  isHonest(machine: string): boolean;
  /** Providers with a staked payee: their verifiers may be drawn. */
  readonly providers: ReadonlySet<string>;
  /** Provider ids, hex. */
  readonly honestProviders: ReadonlySet<string>;
  /** Addresses of payees with an honest provider and an honest verifier, hex. */
  readonly honestPayees: ReadonlySet<string>;
  /** Ids of verifiers and hashes of their report keys, hex. */
  readonly honestVerifiers: ReadonlySet<string>;
  /** Payees of honest providers and of their honest verifiers, by id and key hash, hex. */
  readonly payeeOf: ReadonlyMap<string, string>;
  /** Payer of each honest gateway by the machine's name, hex. */
  readonly payerOf: ReadonlyMap<string, string>;
  /** Router of each of these payers, if the router is honest, hex. */
  readonly routerOf: ReadonlyMap<string, string>;
  /** Ids of providers that compute every token with another model. */
  readonly forgers: ReadonlySet<string>;
  /** Machines that lose their disk with their process. */
  readonly forgetful: ReadonlySet<string>;
  howOf(machine: string): string | undefined;
  /** Names the lie of a provider, by its id in hex; undefined for an honest one. */
  lieOf(provider: string): string | undefined;
}

/** Whether verifiers of this provider may be drawn: its payee has stake, and it always offers the model. */
const mayBeDrawn = ({ unstaked = [], hasCohorts, providers }: Plan, index: number): boolean =>
  !unstaked.includes(`provider-${index}`) && !(hasCohorts && slabOf(index, providers) !== undefined);

/** Turns the machines that the plan names into liars. */
export function plantLies(
  world: World,
  plan: Plan,
  context: { readonly machines: Map<string, Machine>; readonly times: ValidatorTimes },
): Honesty {
  const { machines } = context;
  const hows = new Map(plan.liars.map(({ machine, how }) => [machine, how]));
  const { twins, forgetful } = plantValidatorLies(world, plan, context);
  const friend = plan.liars.find(({ machine }) => roleOf(machine) === 'provider')?.machine ?? 'provider-0';
  for (const [name, how] of hows) {
    if (!machines.has(name)) continue;
    const [role, index] = [roleOf(name), indexOf(name)];
    if (role === 'provider' && plan.hasCohorts) plantMemberLie(world, name, how);
    else if (role === 'provider' || role === 'verifier') plantWireLie(world, { name, index }, how);
    else if (role === 'router') plantRouterLie(world, name, how, indexOf(friend));
    else if (role === 'gateway' && how === 'spends-twice') {
      const twin = `${name}-twin`;
      const start = (disk: Disk) => simulateGateway(world, index, { disk, router: index % plan.routers });
      machines.set(twin, world.addMachine({ name: twin, start }));
    } else if (role === 'gateway') plantConsumerLie(world, { name, index, providers: plan.providers }, how);
  }
  const isHonest = (name: string): boolean => !hows.has(name) && !twins.has(name);
  const providers = Array.from({ length: plan.providers }, (_, i) => i);
  const idOf = (i: number): string => toHex(providerIdOf(world, i));
  const reportKeyOf = (i: number): string =>
    toHex(hashHybridKey(world.crypto, placeOf(world, 'verifier', i).signer.publicKey));
  const earning = providers.filter((i) => isHonest(`provider-${i}`));
  const verifying = earning.filter((i) => isHonest(`verifier-${i}`));
  const lies = new Map(providers.map((i) => [idOf(i), hows.get(`provider-${i}`)]));
  const gateways = Array.from({ length: plan.gateways }, (_, i) => i).filter((i) => isHonest(`gateway-${i}`));
  const accountOf = (role: 'gateway' | 'router', i: number): string => toHex(placeOf(world, role, i).account.address);
  return {
    payeeOf: new Map([
      ...earning.map((i) => [idOf(i), toHex(payeeOf(world, i))] as const),
      ...verifying.map((i) => [reportKeyOf(i), toHex(payeeOf(world, i))] as const),
    ]),
    payerOf: new Map(gateways.map((i) => [`gateway-${i}`, accountOf('gateway', i)] as const)),
    routerOf: new Map(
      gateways
        .filter((i) => isHonest(`router-${i % plan.routers}`))
        .map((i) => [accountOf('gateway', i), accountOf('router', i % plan.routers)] as const),
    ),
    ...{ isHonest, forgetful, howOf: (name) => hows.get(name), lieOf: (provider) => lies.get(provider) },
    providers: new Set(providers.filter((i) => mayBeDrawn(plan, i)).map(idOf)),
    honestProviders: new Set(providers.filter((i) => isHonest(`provider-${i}`)).map(idOf)),
    honestVerifiers: new Set(
      providers.filter((i) => isHonest(`verifier-${i}`)).flatMap((i) => [idOf(i), reportKeyOf(i)]),
    ),
    forgers: new Set(providers.filter((i) => FORGING.has(hows.get(`provider-${i}`) ?? '')).map(idOf)),
    honestPayees: new Set(verifying.map((i) => toHex(payeeOf(world, i)))),
  };
}
