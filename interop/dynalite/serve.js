// dynalite on the port that is named, all tables ready at once. It ends by design when a request breaks off, which is what
// requests of workers do that are stopped hard: here that is no reason to.
const dynalite = require('dynalite')

const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.on('request', request => request.removeAllListeners('error').on('error', () => {}))
server.listen(Number(process.argv[2]), '127.0.0.1')
