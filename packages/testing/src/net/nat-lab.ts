import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { platform } from 'node:os';

/** Kinds of NAT between a machine and the internet. */
export type Nat = 'none' | 'cone' | 'symmetric' | 'double' | 'erratic';

/**
 * Networks in kernel namespaces: an internet, a caller in it, and a home behind each kind of NAT. They are invisible from
 * outside, so servers in them listen on their addresses.
 */
export interface NatLab {
  /** Address of the machine `internet`, which routes, and where relays run. */
  readonly internetAddress: string;
  /** Runs a program: the first words of a command line. */
  enter(place: 'internet' | 'caller' | Nat): readonly string[];
  /** Its own address, which others reach only without a NAT. */
  addressOf(nat: Nat): string;
  /** The one that the internet sees. */
  publicAddressOf(nat: Nat): string;
  /** Blocks all traffic of a machine to this TCP port of any other, and ends its connections there. */
  block(place: 'internet' | 'caller' | Nat, port: number): void;
  close(): void;
}

/** Why there can be no such networks here; empty if there can. */
export function findNatLabAbsence(): string {
  if (platform() !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  const probe = `og${randomBytes(4).toString('hex')}p`;
  try {
    run('ip', 'netns', 'add', probe);
  } catch {
    return 'ip cannot make network namespaces here';
  }
  try {
    run('ip', 'netns', 'exec', probe, ...FORWARD);
    run('ip', 'netns', 'exec', probe, 'nft', 'add', 'table', 'ip', 'nat');
    return '';
  } catch {
    return 'nft is not installed, or nobody may route and translate addresses here';
  } finally {
    run('ip', 'netns', 'del', probe);
  }
}

const FORWARD = ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'];
const INTERNET = '198.51.100.1';
/** `erratic` is a second symmetric one. */
const KINDS: readonly Nat[] = ['none', 'cone', 'symmetric', 'double', 'erratic'];

export function createNatLab(): NatLab {
  const prefix = `og${randomBytes(4).toString('hex')}`;
  const spaces: string[] = [];
  const name = (place: string): string => `${prefix}${place}`;

  function addSpace(place: string): void {
    run('ip', 'netns', 'add', name(place));
    spaces.push(place);
    within(place, 'ip', 'link', 'set', 'lo', 'up');
    within(place, ...FORWARD);
  }

  const within = (place: string, ...command: string[]): void => run('ip', 'netns', 'exec', name(place), ...command);

  /** A wire from one place to another, with the address of each end. The second one sends everything else to the first. */
  function wire([upper, upperAddress]: [string, string], [lower, lowerAddress]: [string, string]): void {
    const [near, far] = [`${lower.slice(0, 6)}u`, `${lower.slice(0, 6)}d`];
    run('ip', '-n', name(upper), 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name(lower));
    run('ip', '-n', name(upper), 'addr', 'add', upperAddress, 'dev', near);
    run('ip', '-n', name(lower), 'addr', 'add', lowerAddress, 'dev', far);
    run('ip', '-n', name(upper), 'link', 'set', near, 'up');
    run('ip', '-n', name(lower), 'link', 'set', far, 'up');
    run('ip', '-n', name(lower), 'route', 'add', 'default', 'via', upperAddress.split('/')[0] as string);
  }

  /** Translates inside traffic to its outer address, with a port for each target if it is symmetric. Nothing else enters. */
  function translate(place: string, outer: string, { symmetric = false } = {}): void {
    const rule = symmetric ? 'masquerade fully-random' : 'masquerade persistent';
    const rules = [
      'table ip nat {',
      'chain post {',
      'type nat hook postrouting priority 100;',
      `oifname "${outer}" ${rule};`,
      '}',
      '}',
      'table ip filter {',
      // Unrequested packets are dropped before they become a connection: a refused one would use the port of a hole that is being punched.
      'chain input {',
      'type filter hook input priority 0; policy drop;',
      'ct state established,related accept;',
      `iifname != "${outer}" accept;`,
      '}',
      'chain forward {',
      'type filter hook forward priority 0; policy drop;',
      'ct state established,related accept;',
      `iifname != "${outer}" accept;`,
      '}',
      '}',
      '',
    ].join('\n');
    load(place, rules);
  }

  function load(place: string, rules: string): void {
    execFileSync('ip', ['netns', 'exec', name(place), 'nft', '-f', '-'], {
      input: rules,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  }

  try {
    addSpace('net');
    run('ip', '-n', name('net'), 'addr', 'add', `${INTERNET}/32`, 'dev', 'lo');
    addSpace('caller');
    wire(['net', '192.0.2.1/30'], ['caller', '192.0.2.2/30']);
    for (const [at, kind] of KINDS.entries()) {
      const outside: [string, string] = ['net', `203.0.113.${4 * at + 1}/30`];
      const outer = `203.0.113.${4 * at + 2}/30`;
      const home = `${kind.slice(0, 4)}h`;
      addSpace(home);
      if (kind === 'none') {
        wire(outside, [home, outer]);
        continue;
      }
      const box = `${kind.slice(0, 4)}n`;
      addSpace(box);
      wire(outside, [box, outer]);
      translate(box, `${box}d`, { symmetric: kind === 'symmetric' || kind === 'erratic' });
      if (kind !== 'double') {
        wire([box, `10.${at}.0.1/24`], [home, `10.${at}.0.2/24`]);
        continue;
      }
      addSpace('inner');
      wire([box, `10.${at}.0.1/24`], ['inner', `10.${at}.0.2/24`]);
      translate('inner', 'innerd');
      wire(['inner', '192.168.7.1/24'], [home, '192.168.7.2/24']);
    }
  } catch (error) {
    close();
    throw error;
  }

  function close(): void {
    for (const place of spaces.splice(0)) {
      try {
        run('ip', 'netns', 'del', name(place));
      } catch {
        // The other processes have to end too.
      }
    }
  }

  const spaceOf = (place: Parameters<NatLab['enter']>[0]): string =>
    place === 'internet' ? 'net' : place === 'caller' ? place : `${place.slice(0, 4)}h`;

  return {
    internetAddress: INTERNET,
    enter: (place) => ['ip', 'netns', 'exec', name(spaceOf(place))],
    block(place, port) {
      const rule = `tcp dport ${port} reject with tcp reset;`;
      const chain = ['chain output {', 'type filter hook output priority 0;', rule, '}'];
      load(spaceOf(place), ['table ip block {', ...chain, '}', ''].join('\n'));
    },
    addressOf(kind) {
      if (kind === 'double') return '192.168.7.2';
      return kind === 'none' ? '203.0.113.2' : `10.${KINDS.indexOf(kind)}.0.2`;
    },
    publicAddressOf: (kind) => `203.0.113.${4 * KINDS.indexOf(kind) + 2}`,
    close,
  };
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
