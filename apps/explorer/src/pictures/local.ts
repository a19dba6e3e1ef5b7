// Entry of the scripts that the page of local mode shares with the chat of a gateway.
export { PREVIEWS, readEventData, readPictureEvents } from './picture-events.ts';
export { OTHER_FILE, readPictureFiles, takeFiles } from './picture-files.ts';
