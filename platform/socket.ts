import { createConnection, type Socket } from "node:net";

/** Opens a TCP connection whose errors never go unheard. @throws what the system says if it cannot be opened */
export function openSocket(port: number, host: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = heedErrors(createConnection(port, host));
  let failure: Error | undefined;
  socket.on("error", (error) => {
    failure = error;
  });
  socket.once("close", () => reject(failure ?? new Error("the connection was closed")));
  socket.once("connect", () => {
    socket.removeAllListeners();
    resolve(socket);
  });
  socket.setNoDelay(true);
  return promise;
}

/** Lets the socket keep a listener for errors, also when all are taken off. @returns the socket */
export function heedErrors<S extends Socket>(socket: S): S {
  const removeAllListeners = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (event?: string | symbol) => {
    if (event === undefined) removeAllListeners();
    else removeAllListeners(event);
    socket.on("error", ignore);
    return socket;
  };
  socket.on("error", ignore);
  return socket;
}

function ignore(): void {}
