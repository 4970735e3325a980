# Keeps the shared test server: starts it, and stops it when no test has used it for a while.
#
# Runs detached, as the server's user, as `sh -c <this> keeper <postgres> <base> <grace> <args..>`.
# Every test process holds a shared lock on users.lock for its life, which the kernel frees however
# the process ends. Getting the lock exclusively therefore means that nobody is there.
postgres=$1 base=$2 grace=$3
shift 3
cluster=$base/cluster

"$postgres" -D "$cluster/data" "$@" &
server=$!
trap 'kill -INT "$server"' TERM INT HUP

idle=0
while sleep 1; do
    # The server was stopped by somebody else; what it left is the next starter's to judge.
    kill -0 "$server" 2>/dev/null || exit 1
    # A test that came and went since the last look has left this mark.
    if [ -e "$cluster/used" ]; then
        rm -f "$cluster/used"
        idle=0
    fi
    exec 9<>"$base/users.lock"
    if flock -n -x 9; then
        idle=$((idle + 1))
        if [ "$idle" -ge "$grace" ]; then
            # The lock stays ours to the end: a test that arrives now waits, then starts afresh.
            kill -INT "$server"
            wait "$server"
            rm -rf "$cluster"
            exit 0
        fi
    else
        idle=0
    fi
    exec 9>&-
done
