// dynalite on the port that is named, all tables ready at once. Its own command dies of a client that is killed in the
// middle of a request, which is what happens to workers here.
const dynalite = require('dynalite')

const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.on('request', request => request.on('error', () => {}))
server.listen(Number(process.argv[2]), '127.0.0.1')
