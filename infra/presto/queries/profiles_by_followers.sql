-- Which profiles have the most followers now? By each profile's newest post with a follower count.
-- :rows  how many, or ALL (default: 20)
SELECT poster_name, latest_follower_count, posts, last_posted_at
FROM postgresql.public.profile_popularity
WHERE latest_follower_count IS NOT NULL
ORDER BY latest_follower_count DESC, posts DESC, poster_name
LIMIT :rows
