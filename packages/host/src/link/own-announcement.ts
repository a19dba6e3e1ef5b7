import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { type Announcement, parseAnnouncement, type SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { Refusal } from './link-error.ts';
import type { PeerId } from './link-identity.ts';

/**
 * Parses an announcement before its signatures are checked: they cost a hundred times more than most reasons to refuse it. At that point
 * only the announcement's own claims are known. So a stranger that names another one's key is refused either way, and changes nothing.
 * @param caller certificate that it comes under. @throws Refusal
 */
export function parseOwnAnnouncement(bytes: SignedAnnouncement['announcement'], caller: PeerId): Announcement {
  const announcement = parse(bytes);
  if (!equalBytes(announcement.certHash, caller)) {
    throw new Refusal('invalid', 'an announcement comes over the link whose certificate it names');
  }
  return announcement;
}

function parse(bytes: Uint8Array): Announcement {
  try {
    return parseAnnouncement(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new Refusal('invalid', `the announcement is invalid: ${error.message}`);
  }
}
