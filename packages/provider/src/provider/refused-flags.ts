const SOUND = 'sound and video are not served yet; --embedded-text and --embedded-image are';
const SOUND_UPSTREAM = 'sound and video are not served yet; --upstream and --image-upstream are';
const CERTIFICATE = 'the program makes its own certificate, and --cert-out writes it for others to pin';

/** Flags of sound and video, which commands that load models refuse. */
export const refusedSoundFlags = {
  'embedded-music': SOUND,
  'embedded-whisper': SOUND,
  'embedded-tts': SOUND,
  'audio-upstream': SOUND_UPSTREAM,
  'video-upstream': SOUND_UPSTREAM,
} as const;

/** Flags that commands of a provider on the network refuse. */
export const refusedServeFlags = {
  ...refusedSoundFlags,
  'api-key': 'no account is needed; the keys in --data-dir sign, and ogong-provider wallet prints their address',
  machine: 'the id of a provider is the hash of its key, and ogong-provider id prints it',
  cert: CERTIFICATE,
  key: 'keys of links are kept in --data-dir, and --cert-out writes their certificate',
} as const;
