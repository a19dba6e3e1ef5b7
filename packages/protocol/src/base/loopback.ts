const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const LOOPBACK_V4 = new RegExp(`^127\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);
const LOOPBACK_V6 = /^(?:::1|(?:0{1,4}:){7}0{0,3}1)$/;

/**
 * Returns whether a host names this machine. Only the text is read, and no name is resolved: a DNS name that points to this
 * machine gives false. The same rule decides which services may listen without a key, which web pages may call, and which
 * addresses may not be announced.
 * @param host as a URL, a Host header or a setting names it, without its port; IPv6 with or without brackets.
 */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || LOOPBACK_V4.test(name)) return true;
  return LOOPBACK_V6.test(name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name);
}
