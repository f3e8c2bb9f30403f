// SPDX-License-Identifier: Apache-2.0

// The way out: a dispatcher for fetch, whose connections are those of one call.
import net from "node:net";
import { Agent } from "undici";

export class Refused extends Error {} // its message is "CODE TEXT"

export function egress(call) {
  const connect = ({ protocol, host }, done) => {
    const socket = net.connect(`${process.env.PLUGIN_UNIX_SOCKET_DIR}/egress`);
    const failed = (why) => done(why, null);
    const answer = [];
    const read = () => {
      for (let byte; (byte = socket.read(1)); answer.push(byte[0])) { // no further than the line's end
        if (byte[0] !== 0x0a) continue;
        socket.off("readable", read).off("error", failed);
        const line = Buffer.from(answer).toString();
        return line === "ok" ? done(null, socket) : failed(new Refused(line.slice("no ".length)), socket.destroy());
      }
    };
    socket.on("readable", read).once("error", failed).write(`${call} ${protocol}//${host}\n`);
  };
  return new Agent({ connect });
}

// refused returns why the host could not deliver a request, if the answer is
// its own: no service knows the call.
export function refused(call, answer) {
  const why = answer.headers.get("credhost-call") === call && answer.headers.get("credhost-egress");
  return why ? new Refused(why.slice("no ".length)) : null;
}
